"""How faithful a version's map is: the trustworthiness (15 neighbours) of `umap.safetensors`, by scikit-learn, as JSON.

    python trustworthiness.py VERSION/umap.safetensors
"""
import json
import struct
import sys
from pathlib import Path

import numpy as np
from sklearn.manifold import trustworthiness

data = Path(sys.argv[1]).read_bytes()
size = struct.unpack("<Q", data[:8])[0]
header, arrays = json.loads(data[8:8 + size]), data[8 + size:]


def array(name):
    first, end = header[name]["data_offsets"]
    return np.frombuffer(arrays[first:end], dtype="<f4").reshape(header[name]["shape"])


points, embedding = array("points"), array("embedding")
score = float(trustworthiness(points, embedding, n_neighbors=15))
print(json.dumps({"profiles": len(points), "trustworthiness": score}))
