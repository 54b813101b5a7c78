"""Fits umap-learn, unseeded, on 50,000 x 64 blobs (15 neighbours, 10 dimensions), cold and warm; prints JSON.

    python umap_blobs.py [ROWS]
"""
import json
import sys
import time
import warnings

import umap
from sklearn.datasets import make_blobs

warnings.simplefilter("ignore")
rows = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
points, _ = make_blobs(rows, 64, centers=20, cluster_std=3.0, random_state=7)
times = []
for _ in range(2):
    started = time.monotonic()
    umap.UMAP(n_neighbors=15, n_components=10, n_jobs=2).fit(points.astype("float32"))
    times.append(time.monotonic() - started)
print(json.dumps({"fit_s": times, "rows": rows}))
