"""scikit-learn's MLPClassifier."""

import warnings

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier
from worker import HIDDEN, PENALTY, RATE, serve, timed

warnings.filterwarnings("ignore")


def network(data, epochs, seed):
    # alpha is divided by the number of examples in a batch.
    return MLPClassifier(
        HIDDEN,
        alpha=PENALTY * 32 / len(data["x"]),
        batch_size=32,
        learning_rate_init=RATE,
        max_iter=epochs,
        tol=0,
        n_iter_no_change=10**9,
        epsilon=1e-7,
        random_state=seed,
    )


def train(data, models, epochs):
    network(data, 1, 0).fit(data["x"], data["y"])
    spent = [
        timed(lambda seed=seed: network(data, epochs, seed).fit(data["x"], data["y"]))
        for seed in range(models)
    ]
    return {"seconds_per_epoch": np.mean(spent) / epochs}


def predictor(data):
    model = network(data, 1, 0).fit(data["x"], data["y"])
    model.coefs_ = [np.ascontiguousarray(data[f"weights{i}"].T) for i in (0, 2, 4)]
    model.intercepts_ = [data[f"weights{i}"] for i in (1, 3, 5)]
    return model.predict_proba


serve(train, predictor, None, {"scikit-learn": sklearn.__version__})
