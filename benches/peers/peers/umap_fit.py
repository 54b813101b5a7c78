"""Fits umap-learn, unseeded and on two threads, to the points of a file, 10 dimensions, cold and warm.

    python umap_fit.py POINTS.npy N_NEIGHBORS EMBEDDING.npy

Prints seconds as JSON and writes the warm fit's embedding.
"""
import json
import sys
import time
import warnings

import numpy as np
import umap

warnings.simplefilter("ignore")
points = np.load(sys.argv[1])
times = []
for _ in range(2):
    started = time.monotonic()
    fitted = umap.UMAP(n_neighbors=int(sys.argv[2]), n_components=10, n_jobs=2).fit(points)
    times.append(time.monotonic() - started)
np.save(sys.argv[3], fitted.embedding_)
print(json.dumps({"fit_s": times, "rows": len(points)}))
