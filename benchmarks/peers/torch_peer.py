"""PyTorch, eager or compiled: the usual loop, with batches taken by index and no data loader."""

import sys
from itertools import pairwise

import numpy as np
import torch
from worker import HIDDEN, PENALTY, RATE, cores, serve, timed

COMPILED = "--compiled" in sys.argv
torch.set_num_threads(cores())


def network(inputs, seed):
    torch.manual_seed(seed)
    widths = [inputs, *HIDDEN, 6]
    layers = []
    for into, out in pairwise(widths):
        layers += [torch.nn.Linear(into, out), torch.nn.ReLU()]
        torch.nn.init.xavier_uniform_(layers[-2].weight)
        torch.nn.init.zeros_(layers[-2].bias)
    return torch.nn.Sequential(*layers[:-1])


def train(data, models, epochs):
    x, y = torch.from_numpy(data["x"]), torch.from_numpy(data["y"])
    spent = []
    for seed in range(models):
        torch.compiler.reset()
        model = network(x.shape[1], seed)
        weights = [layer.weight for layer in model if isinstance(layer, torch.nn.Linear)]
        optimizer = torch.optim.Adam(model.parameters(), RATE, eps=1e-7)

        def loss_of(batch, targets, model=model, weights=weights):
            squares = sum((weight**2).sum() for weight in weights)
            loss = torch.nn.functional.cross_entropy(model(batch), targets)
            return loss + PENALTY / (2 * len(x)) * squares

        if COMPILED:
            loss_of = torch.compile(loss_of)

        def run(count, loss_of=loss_of, optimizer=optimizer):
            for _ in range(count):
                order = torch.randperm(len(x))
                for first in range(0, len(x) - 31, 32):
                    rows = order[first : first + 32]
                    optimizer.zero_grad()
                    loss_of(x[rows], y[rows]).backward()
                    optimizer.step()

        run(1)
        spent.append(timed(lambda run=run: run(epochs)))
    return {"seconds_per_epoch": np.mean(spent) / epochs}


def predictor(data):
    model = network(data["x"].shape[1], 0)
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            parameter.copy_(torch.from_numpy(data[f"weights{number}"]))
    answer = torch.compile(model) if COMPILED else model

    def predict(x):
        with torch.inference_mode():
            return torch.softmax(answer(torch.from_numpy(x)), 1).numpy()

    return predict


serve(train, predictor, None, {"torch": torch.__version__})
