"""Keras on TensorFlow: `fit` with its defaults."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from worker import HIDDEN, PENALTY, RATE, cores, serve, timed

tf.config.threading.set_intra_op_parallelism_threads(cores())
tf.config.threading.set_inter_op_parallelism_threads(cores())


def network(data, seed, **options):
    keras.utils.set_random_seed(seed)
    penalty = keras.regularizers.L2(PENALTY / (2 * len(data["x"])))
    layers = [
        keras.layers.Dense(width, activation=activation, kernel_regularizer=penalty)
        for width, activation in [*((width, "relu") for width in HIDDEN), (6, "softmax")]
    ]
    model = keras.Sequential([keras.layers.Input((data["x"].shape[1],)), *layers])
    model.compile(keras.optimizers.Adam(RATE), "sparse_categorical_crossentropy", **options)
    return model


def train(data, models, epochs):
    spent = []
    for seed in range(models):
        model = network(data, seed)
        model.fit(data["x"], data["y"], batch_size=32, epochs=1, verbose=0)
        spent.append(
            timed(
                lambda model=model: model.fit(
                    data["x"], data["y"], batch_size=32, epochs=epochs, verbose=0
                )
            )
        )
    return {"seconds_per_epoch": np.mean(spent) / epochs}


def accuracy(data, models, epochs):
    """Fewer calls into Python than by default, since only the result counts here."""
    found = []
    for seed in range(models):
        model = network(data, seed, steps_per_execution=len(data["x"]) // 32)
        model.fit(data["x"], data["y"], batch_size=32, epochs=epochs, verbose=0)
        answers = model.predict(data["test_x"], batch_size=2000, verbose=0).argmax(1)
        found.append(float(np.mean(answers == data["test_y"])))
    return {"accuracies": found}


def predictor(data):
    model = network(data, 0)
    model.set_weights(
        [data[f"weights{i}"].T if i % 2 == 0 else data[f"weights{i}"] for i in range(6)]
    )
    return lambda x: model.predict(x, batch_size=16384, verbose=0)


serve(train, predictor, accuracy, {"keras": keras.__version__, "tensorflow": tf.__version__})
