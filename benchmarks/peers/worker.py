"""What all peers do alike: take a task on the command line, say what it took on the last line.

Each peer runs in an environment of its own, so this needs NumPy only.
"""

import json
import os
import resource
import sys
import time

import numpy as np

#: The paper's classifier and its training.
HIDDEN, RATE, PENALTY = (8, 6), 0.01, 0.1

SPECTRA = 1_000_000


def cores():
    """Cores that this process was pinned to."""
    return len(os.sched_getaffinity(0))


def timed(work):
    """Wall time of a call in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _predict(data, predictor):
    predict = predictor(data)
    x = np.resize(data["test_x"], (SPECTRA, data["test_x"].shape[1]))
    deviation = float(np.abs(predict(data["test_x"]) - data["probabilities"]).max())
    predict(x)
    times = sorted(timed(lambda: predict(x)) for _ in range(5))
    return {"seconds": times[2], "fastest": times[0], "slowest": times[-1], "deviation": deviation}


def serve(train, predictor, accuracy, versions):
    """Carry out `TASK DATA MODELS EPOCHS` and print the result as JSON."""
    task, path, models, epochs = sys.argv[1:5]
    with np.load(path) as file:
        data = dict(file)
    start = time.process_time(), time.perf_counter()
    if task == "predict":
        result = _predict(data, predictor)
    else:
        result = {"train": train, "accuracy": accuracy}[task](data, int(models), int(epochs))
    spent, passed = time.process_time() - start[0], time.perf_counter() - start[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    about = {"cores_used": spent / passed, "peak_MiB": peak, "versions": versions}
    print(json.dumps(result | about))
