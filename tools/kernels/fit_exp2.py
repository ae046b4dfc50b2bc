#!/usr/bin/env python3
"""Fits the polynomial of Exp2Fraction in src/kernels/cpu/lanes_math.h and prints it with its greatest relative error.

Lawson's iteratively reweighted least squares on Chebyshev nodes converges to the minimax polynomial. Needs numpy.
"""
import numpy as np


def minimax(nodes, target, weight, degree, rounds=400):
    """Coefficients c (ascending) that minimise max |weight * (poly(nodes) - target)|."""
    v = np.vander(nodes, degree + 1, increasing=True).astype(np.float64)
    w = np.ones(len(nodes)) / len(nodes)
    best = (np.inf, None)
    for _ in range(rounds):
        s = np.sqrt(w) * weight
        c = np.linalg.lstsq(v * s[:, None], target * s, rcond=None)[0]
        err = np.abs(weight * (v @ c - target))
        if err.max() < best[0]:
            best = (err.max(), c)
        w *= err / err.max() + 1e-6
        w /= w.sum()
    return best


def nodes(lo, hi, n=3000):
    return (lo + hi) / 2 + (hi - lo) / 2 * np.cos(np.pi * (np.arange(n) + 0.5) / n)


def show(name, error, c):
    print(f"{name}: max relative error {error:.3g}")
    print("  " + ", ".join(f"{np.float32(x):.9g}f" for x in c))


def main():
    # 2^r = 1 + r * q(r), |r| <= 1/2, so that exp(0) is exactly 1.
    r = nodes(-0.5, 0.5)
    show("exp2: q", *minimax(r, np.expm1(r * np.log(2)) / r, np.abs(r) / np.exp2(r), 5))


if __name__ == "__main__":
    main()
