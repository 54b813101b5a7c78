"""Draws the points that the fits are compared on, the same for the same seed, and writes them as .npy.

    python blobs.py map ROWS OUT.npy [COLUMNS]    f32: 20 blobs in COLUMNS (64) dimensions
    python blobs.py clusters ROWS OUT.npy         f64: 7 blobs in 10 dimensions, a sixth of the rows uniform noise
"""
import sys

import numpy as np
from sklearn.datasets import make_blobs


def for_a_map(rows, columns):
    points, _ = make_blobs(rows, columns, centers=20, cluster_std=3.0, random_state=7)
    return points.astype("float32")


def for_clusters(rows):
    noise = rows // 6
    points, _ = make_blobs(rows - noise, 10, centers=7, cluster_std=1.0, random_state=3)
    return np.vstack([points, np.random.default_rng(3).uniform(-12, 12, (noise, 10))])


kind, rows, out, *columns = sys.argv[1:]
points = for_clusters(int(rows)) if kind == "clusters" else for_a_map(int(rows), int(columns[0]) if columns else 64)
np.save(out, points)
