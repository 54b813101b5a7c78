"""Judges both sides' results by one measure; prints JSON.

    python judge.py map POINTS.npy EMBEDDING.npy …       trustworthiness of each (15 neighbours)
    python judge.py labels LABELS.npy OTHER.npy …        adjusted Rand index of each other against the first

Trustworthiness (Venna and Kaski 2001) is scikit-learn's formula over a thousand points drawn with a seed, each ranked
against all others: the whole would need the square of 50,000 in memory.
"""
import json
import sys

import numpy as np
from sklearn.metrics import adjusted_rand_score

NEIGHBOURS, JUDGED = 15, 1000


def trustworthiness(points, embedding):
    n, k = len(points), NEIGHBOURS
    penalty, rows = 0, np.random.default_rng(5).choice(n, min(n, JUDGED), replace=False)
    for row in rows:
        apart = ((points - points[row]) ** 2).sum(1)
        shown = ((embedding - embedding[row]) ** 2).sum(1)
        apart[row] = shown[row] = -1
        rank = np.empty(n, dtype=np.int64)
        rank[np.argsort(apart, kind="stable")] = np.arange(n)
        near = np.argpartition(shown, k)[:k + 1]
        penalty += np.maximum(rank[near[near != row]] - k, 0).sum()
    return float(1 - penalty * 2 / (len(rows) * k * (2 * n - 3 * k - 1)))


kind, first, *others = sys.argv[1:]
first, others = np.load(first), [np.load(path) for path in others]
if kind == "map":
    said = [trustworthiness(first.astype("float64"), other.astype("float64")) for other in others]
else:
    said = [adjusted_rand_score(first, other) for other in others]
print(json.dumps(said))
