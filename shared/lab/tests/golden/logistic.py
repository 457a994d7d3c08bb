"""Least-squares logistic curves by brute force: makes logistic.json.

Python 3 with numpy 2.4.6 and scipy 1.17.1: python3 logistic.py > logistic.json

The smallest sum of squares that any of these reaches stands in the file:
- scipy.optimize.least_squares over all four parameters from a grid of centres and widths;
- the same from a step at every gap between two scores, sharp and softened;
- the sum of squares of the best levels (numpy.linalg.lstsq) as a function of centre and width, by
  Nelder-Mead from the best places of a fine grid;
- every step in closed form, with and without a value in its midst, and the best straight line, which are
  limits of the curve.
"""

import json
import sys

import numpy as np
from scipy.optimize import least_squares, minimize
from scipy.special import expit


def curve(p, z):
    return p[1] + (p[0] - p[1]) * expit((z - p[2]) / np.exp(p[3]))


def levels(z, y, centre, width):
    """The least sum of squares of base + rise * s."""
    s = expit((z - centre) / width)
    if centre < 0:
        s = expit((centre - z) / width)
    largest = np.max(np.abs(s - s.mean()))
    if not largest > 0:
        return np.sum((y - y.mean()) ** 2)
    a = np.stack([np.ones_like(z), (s - s.mean()) / largest], axis=1)
    p, *_ = np.linalg.lstsq(a, y, rcond=None)
    return np.sum((y - a @ p) ** 2)


def of_mean(y):
    return np.sum((y - y.mean()) ** 2) if len(y) else 0.0


def steps(z, y):
    """Every step's sum of squares: two levels, and three of which the middle one is a single score."""
    scores = np.unique(z)
    best = np.inf
    for k in range(1, len(scores)):
        low, high = y[z < scores[k]], y[z >= scores[k]]
        best = min(best, of_mean(low) + of_mean(high))
    for k in range(1, len(scores) - 1):
        low, mid, high = y[z < scores[k]], y[z == scores[k]], y[z > scores[k]]
        ends = sorted([low.mean(), high.mean()])
        if ends[0] <= mid.mean() <= ends[1]:
            best = min(best, of_mean(low) + of_mean(mid) + of_mean(high))
    return best


def line(z, y):
    return np.sum((y - np.polyval(np.polyfit(z, y, 1), z)) ** 2)


def from_four_parameters(z, y):
    scores = np.unique(z)
    gaps = np.diff(scores)
    centres = np.linspace(z.min() - 1, z.max() + 1, 9)
    starts = [(c, w) for c in centres for w in (0.02, 0.1, 0.4, 1.5, 5.0)]
    for left, gap in zip(scores, gaps):
        starts += [(left + gap / 2, gap * f) for f in (0.05, 0.5, 3.0)]
    best = np.inf
    for centre, width in starts:
        for top, bottom in ((y.max(), y.min()), (y.min(), y.max())):
            p0 = [top, bottom, centre, np.log(width)]
            fit = least_squares(lambda p: curve(p, z) - y, p0, xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=300)
            best = min(best, 2 * fit.cost)
    return best


def from_two_parameters(z, y):
    objective = lambda q: levels(z, y, q[0], np.exp(np.clip(q[1], -30, 11)))
    span = z.max() - z.min()
    grid = []
    for width in np.geomspace(1e-4, 200, 40):
        for centre in np.concatenate([np.linspace(z.min() - 0.2 * span, z.max() + 0.2 * span, 60),
                                      z.min() - width * np.array([1, 4, 12, 30]),
                                      z.max() + width * np.array([1, 4, 12, 30])]):
            grid.append((objective((centre, np.log(width))), centre, width))
    grid.sort()
    best = grid[0][0]
    for _, centre, width in grid[:12]:
        q = minimize(objective, (centre, np.log(width)), method="Nelder-Mead",
                     options={"xatol": 1e-12, "fatol": 1e-15, "maxiter": 4000})
        best = min(best, q.fun)
    return best


def cases():
    g = np.random.default_rng(20261130)
    noise = lambda n, s: s * g.standard_normal(n)
    logistic = lambda x, b, t, c, w: b + (t - b) / (1 + np.exp(-(x - c) / w))
    for n, s in ((8, 0.1), (20, 0.3), (40, 1.0), (60, 0.05)):
        x = g.uniform(0, 1, n)
        yield f"curve, {n} points, noise {s}", x, logistic(x, 0, 3, 0.5, 0.1) + noise(n, s)
    for n, s in ((10, 0.1), (30, 0.5), (50, 1.5)):
        x = g.uniform(-5, 5, n)
        yield f"step, {n} points, noise {s}", x, np.where(x < 1.2, 4.0, 1.0) + noise(n, s)
    for n in (5, 6, 7, 12, 25, 50):
        yield f"noise alone, {n} points", g.uniform(0, 1, n), noise(n, 1.0)
    for n in (20, 40, 60):
        x = 1 - 10 ** g.uniform(-5, -0.5, n)
        yield f"cosines and labels kept, {n} points", x, (g.uniform(0, 1, n) < logistic(x, 0, 1, 0.9, 0.03)) * 100.0
    for n in (20, 40, 60):
        x = 10 ** g.uniform(-6, 0, n)
        yield f"errors and ranks, {n} points", x, np.floor(1 + 300 * x * g.exponential(1, n))
    for n in (20, 50):
        x = np.round(g.uniform(0, 1, n), 1)
        yield f"tied scores, {n} points", x, logistic(x, 10, 60, 0.55, 0.05) + noise(n, 6.0)
    for n, s in ((15, 0.02), (40, 0.3)):
        x = g.uniform(0, 3, n)
        yield f"exponential, {n} points, noise {s}", x, np.exp(x) + noise(n, s)
        yield f"decay, {n} points, noise {s}", x, np.exp(-2 * x) + noise(n, s)
    for n, s in ((15, 0.1), (40, 0.5)):
        x = g.uniform(0, 3, n)
        yield f"line, {n} points, noise {s}", x, 5 - 2 * x + noise(n, s)
    for n in (12, 40):
        x = g.uniform(-1, 1, n)
        yield f"bowl, {n} points", x, x ** 2 + noise(n, 0.05)
        yield f"wave, {n} points", x, np.sin(9 * x) + noise(n, 0.1)
    for n in (20, 40):
        x = g.uniform(0, 1, n)
        x[0] = 40.0
        y = logistic(x, 0, 3, 0.5, 0.05) + noise(n, 0.4)
        yield f"score far off, {n} points", x, y
        y = logistic(x, 0, 3, 0.5, 0.05) + noise(n, 0.2)
        y[3] = -30.0
        yield f"value far off, {n} points", x, y


def main():
    found = []
    for name, x, y in cases():
        x, y = np.round(x, 9), np.round(y, 6)
        z = (x - x.mean()) / x.std()
        reached = {"four": from_four_parameters(z, y), "two": from_two_parameters(z, y),
                   "step": steps(z, y), "line": line(z, y)}
        print(name, reached, file=sys.stderr)
        found.append({"name": name, "x": x.tolist(), "y": y.tolist(), "squares": float(min(reached.values()))})
    json.dump({"numpy": np.__version__, "cases": found}, sys.stdout, indent=None)
    print()


main()
