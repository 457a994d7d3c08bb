"""Scores of features that hardly differ, in double precision: makes perturbed.json.

Python 3 with numpy 2.4.6, beside original.npy: python3 perturbed.py > perturbed.json

Per scale, original.npy plus that many times a direction is rounded to f32; the direction is a sum of
sines, so that a test makes the same values without a file. Of these f32 values NumPy computes, in
numpy.longdouble (64 bits of mantissa): gram_distance, and what each cosine lacks of one. What CKA lacks comes from
the formula as it stands, in decimal arithmetic of 60 digits.
"""

import decimal
import json
import sys

import numpy as np

x32 = np.load("original.npy")
index = np.arange(x32.size, dtype=np.float64).reshape(x32.shape)
direction = np.sin(index * 0.7) + np.sin(index * index * 0.01)


def unit(v):
    return v / np.sqrt((v * v).sum(-1, keepdims=True))


def lacking(a, b):
    """1 - cos, from the difference of unit vectors: |a - b|^2 / 2."""
    d = unit(a) - unit(b)
    return (d * d).sum(-1) / 2


decimal.getcontext().prec = 60
exact = np.vectorize(decimal.Decimal, otypes=[object])


def lacking_cka(a, b):
    """1 - CKA of two maps of decimals, tokens being the samples."""
    centred = lambda v: v - v.sum(0) / decimal.Decimal(len(v))
    a, b = centred(a), centred(b)
    squares = lambda v: (v * v).sum()
    norms = (squares(a.T @ a) * squares(b.T @ b)).sqrt()
    return 1 - squares(b.T @ a) / norms


def lacking_cka_cfqa2025(a, b):
    """The same with the channels as samples, and the published script's offset."""
    centred = lambda v: v - v.sum(0) / decimal.Decimal(len(v))
    a, b = centred(a), centred(b)
    squares = lambda v: (v * v).sum()
    norms = (squares(a @ a.T) * squares(b @ b.T)).sqrt()
    return 1 - squares(a @ b.T) / (norms + decimal.Decimal("1e-8"))


cases = []
for scale in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7):
    y32 = (x32.astype(np.float64) + scale * direction).astype(np.float32)
    x, y = x32.astype(np.longdouble), y32.astype(np.longdouble)
    flat = lambda v: v.reshape(-1, *v.shape[-2:])
    maps = []
    for a, b in zip(flat(x), flat(y)):
        a, b = unit(a), unit(b)
        d = a @ a.T - b @ b.T
        np.fill_diagonal(d, 0)
        n = len(a)
        maps.append(np.sqrt((d * d).sum() / (n * (n - 1))))
    ckas = [[of(exact(a), exact(b)) for a, b in zip(flat(x32.astype(float)), flat(y32.astype(float)))]
            for of in (lacking_cka, lacking_cka_cfqa2025)]
    cosines = lacking(flat(x), flat(y))
    norms = lambda v: np.sqrt((flat(v) * flat(v)).sum(-1))
    offset = np.longdouble(1e-8)
    nx, ny = norms(x), norms(y)
    beside = (nx * ny * cosines + offset * (nx + ny + offset)) / ((nx + offset) * (ny + offset))
    means = lambda v: flat(v)[:, 1:].mean(1)
    cases.append({
        "scale": scale,
        "changed": int((x32 != y32).sum()),
        "gram_distance": float(np.mean(maps)),
        "lacking_cka": float(sum(ckas[0]) / len(ckas[0])),
        "lacking_cka_cfqa2025_mean": float(sum(ckas[1]) / len(ckas[1])),
        "lacking_cosine": float(beside.mean()),
        "lacking_cosine_class": float(cosines[:, 0].mean()),
        "lacking_cosine_patch_mean": float(lacking(means(x), means(y)).mean()),
        "lacking_cosine_min": float(cosines.max()),
        "mse": float(((x - y) ** 2).mean()),
    })
json.dump(cases, sys.stdout, indent=1)
print()
