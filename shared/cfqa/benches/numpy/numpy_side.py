"""NumPy's side of the bench `numpy`: MSE, cosine and CKA of one pair, a request a line on stdin."""

import json
import sys
import time

import numpy as np


def make(tokens, dim, salt):
    index = np.arange(tokens * dim, dtype=np.int64)
    values = (index * 7919 + salt * 104_729) % 8191
    return (values.astype(np.float32) / np.float32(4096) - np.float32(1)).reshape(tokens, dim)


def scores(x, y):
    mse = np.mean(np.square(x - y))
    norms = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    cosine = np.mean(np.einsum("td,td->t", x, y) / norms)
    x = x - x.mean(axis=0)
    y = y - y.mean(axis=0)
    if len(x) <= 2 * x.shape[1]:
        k, l = x @ x.T, y @ y.T
        cka = np.vdot(k, l) / (np.linalg.norm(k) * np.linalg.norm(l))
    else:
        norms = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
        cka = np.linalg.norm(y.T @ x) ** 2 / norms
    return {"mse": float(mse), "cosine": float(cosine), "cka": float(cka)}


def answer(fields):
    print(json.dumps(fields), flush=True)


answer({"version": np.__version__})
for line in sys.stdin:
    request = line.split()
    if request[0] == "make":
        tokens, dim = map(int, request[1:])
        x, y = make(tokens, dim, 1), make(tokens, dim, 2)
        answer(scores(x, y))
    else:
        start = time.perf_counter()
        scores(x, y)
        answer({"seconds": time.perf_counter() - start})
