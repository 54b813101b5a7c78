"""Fits fast_hdbscan on ROWS x 10 blobs with noise, cold and warm; prints JSON.

    python hdbscan_blobs.py ROWS
"""
import json
import sys
import time
import warnings

import fast_hdbscan
import numpy as np
from sklearn.datasets import make_blobs

warnings.simplefilter("ignore")
rows = int(sys.argv[1])
noise = rows // 6
points, _ = make_blobs(rows - noise, 10, centers=7, cluster_std=1.0, random_state=3)
points = np.vstack([points, np.random.default_rng(3).uniform(-12, 12, (noise, 10))])
times = []
for _ in range(2):
    started = time.monotonic()
    fast_hdbscan.HDBSCAN(min_cluster_size=50, min_samples=5).fit(points)
    times.append(time.monotonic() - started)
print(json.dumps({"fit_s": times, "rows": rows}))
