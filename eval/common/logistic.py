"""Logistic regression by Newton's method, for weights that are a dozen numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def fit_logistic(
    features: Array, labels: NDArray[np.bool_], weights: Array | None = None, *, ridge: float = 0.1
) -> Array:
    """Weights of the features and, last, of 1; shape (n_features + 1,).

    Parameters
    ----------
    features : array
        Shape (n, n_features).
    labels : array
        Shape (n,).
    weights : array, optional
        How much each row counts, shape (n,).
    ridge : float
        What a squared weight costs.
    """
    rows = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    count = np.ones(len(rows)) if weights is None else weights
    found = np.zeros(rows.shape[1])
    penalty = ridge * np.eye(len(found))
    for _ in range(25):
        likely = 1 / (1 + np.exp(-rows @ found))
        slope = rows.T @ (count * (labels - likely)) - penalty @ found
        curve = (rows * (count * likely * (1 - likely))[:, None]).T @ rows + penalty
        step = np.linalg.solve(curve, slope)
        found = found + step
        if np.abs(step).max() < 1e-6:
            break
    return np.asarray(found)
