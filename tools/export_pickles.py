#!/usr/bin/env python3
"""Turns the five pickles of the Flask service into plain arrays and JSON, for `content-portal models import`.

    python3 export_pickles.py PICKLE_DIR OUT_DIR

Reading a pickle runs the code in it: use this on your own files only.

Run it with the Python that wrote the pickles, or a similar one. It needs numpy, and joblib if joblib wrote them;
scikit-learn, umap-learn and hdbscan are used if they can be imported. An object that can no longer be rebuilt is
replaced by a stand-in that keeps its attributes. A missing attribute is taken from a second copy, if there is one.
PICKLE_DIR holds encoder.pkl, scaler.pkl, umap_model.pkl (or umap.pkl),
HDBSCAN_cluster_model.pkl (or hdbscan_model.pkl, hdbscan.pkl) and cluster_personas.pkl, which may be absent.

OUT_DIR gets export.json and, for n training rows, c categorical columns, s scaled ones, d dimensions of the map and
t rows of HDBSCAN's condensed tree:

    codes.npy         (n, c)  int32    position in the column's categories, -1 for none
    scaled.npy        (n, s)  float32  the scaled values
    embedding.npy     (n, d)  float32  places on UMAP's map
    labels.npy        (n)     int32    HDBSCAN's labels, -1 for noise
    probabilities.npy (n)     float32  and how firmly each row belongs to its cluster
    tree_parent.npy, tree_child.npy, tree_size.npy (t) int32, tree_lambda.npy (t) float64
"""
import contextlib
import hashlib
import json
import math
import pickle
import sys
import warnings
from pathlib import Path

try:
    import numpy as np
except ImportError as error:
    sys.exit(f"export_pickles.py needs numpy ({error}): {sys.executable} -m pip install numpy")

FORMAT_VERSION = 1
FILES = {
    "encoder": ["encoder.pkl"],
    "scaler": ["scaler.pkl"],
    "umap": ["umap_model.pkl", "umap.pkl"],
    "hdbscan": ["HDBSCAN_cluster_model.pkl", "hdbscan_model.pkl", "hdbscan.pkl"],
    "personas": ["cluster_personas.pkl"],
}
GET_JOBLIB = f"{sys.executable} -m pip install joblib"
# How the file begins that Git LFS leaves in place of one that was not fetched.
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
# The columns in the order in which the Flask service encodes them, for encoders that were fitted without names.
CATEGORICAL = ["Location", "Gender", "Join_Year", "Join_Month", "Join_Quarter"]
SCALED = ["Loyalty_Tier_Score"]


class Unusable(Exception):
    """Why there is no export: a sentence."""


class StandIn:
    """Holds the attributes of an object whose class cannot be rebuilt."""

    def __new__(cls, *_arguments, **_named):
        return object.__new__(cls)

    def __init__(self, *_arguments, **_named):
        pass

    def __call__(self, *_arguments, **_named):
        return StandIn()

    def __setstate__(self, state):
        keep_attributes(self, state)

    def __setitem__(self, key, value):
        pass

    def append(self, item):
        pass

    def extend(self, items):
        pass


def keep_attributes(thing, state):
    """Puts a pickled state into an object that does not take it itself."""
    for part in state if isinstance(state, tuple) else (state,):
        if isinstance(part, dict):
            for name, value in part.items():
                with contextlib.suppress(AttributeError, TypeError):
                    object.__setattr__(thing, str(name), value)


def home_of(thing):
    """The package that a class, a function or an object comes from."""
    module = getattr(thing, "__module__", None) or type(thing).__module__
    return str(module).partition(".")[0]


def forgiving(base, replaced):
    """The unpickler `base` with stand-ins for what cannot be rebuilt; adds the packages concerned to `replaced`."""

    class Forgiving(base):
        dispatch = dict(base.dispatch)  # noqa: RUF012 (a copy of the base class's table)

        def find_class(self, module, name):
            homes = [module]
            if module.startswith("numpy."):
                # numpy 2 moved numpy.core to numpy._core; without its arrays nothing is left to export.
                homes += [module.replace(".core", "._core", 1), module.replace("._core", ".core", 1), "numpy"]
            for home in homes:
                try:
                    return super().find_class(home, name)
                except Exception as error:
                    failed = error
            if module.partition(".")[0] == "numpy":
                raise failed
            replaced.add(module.partition(".")[0])
            return StandIn

    def with_stand_in(opcode, n_arguments):
        original = base.dispatch[opcode[0]]

        def load(self):
            depth = len(self.stack)
            what = self.stack[-1 - n_arguments]
            try:
                original(self)
            except Exception:
                replaced.add(home_of(what))
                del self.stack[depth - 1 - n_arguments:]
                self.append(StandIn())

        Forgiving.dispatch[opcode[0]] = load

    with_stand_in(pickle.REDUCE, 1)
    with_stand_in(pickle.NEWOBJ, 1)
    with_stand_in(pickle.NEWOBJ_EX, 2)
    build = base.dispatch[pickle.BUILD[0]]

    def load_build(self):
        depth, thing, state = len(self.stack), self.stack[-2], self.stack[-1]
        try:
            build(self)
        except Exception:
            # An array whose bytes are cut off is lost, and not an object of another shape.
            if type(thing).__module__.startswith(("joblib", "numpy")):
                raise
            replaced.add(home_of(thing))
            del self.stack[depth - 1:]
            keep_attributes(thing, state)

    Forgiving.dispatch[pickle.BUILD[0]] = load_build
    return Forgiving


def load(path):
    """The object in a pickle of joblib's or Python's own."""
    with open(path, "rb") as file:
        head = file.read(len(LFS_POINTER))
    if not head:
        raise Unusable(f"{path} is empty: copy it once more from where it was written")
    if head == LFS_POINTER:
        raise Unusable(f"{path} is a Git LFS pointer, and not the file itself: run git lfs pull")
    replaced = set()
    try:
        import joblib.numpy_pickle as numpy_pickle
    except ImportError:
        numpy_pickle = None
    try:
        if numpy_pickle is None:
            with open(path, "rb") as file:
                thing = forgiving(pickle._Unpickler, replaced)(file).load()
        else:
            original = numpy_pickle.NumpyUnpickler
            numpy_pickle.NumpyUnpickler = forgiving(original, replaced)
            try:
                thing = numpy_pickle.load(path)
            finally:
                numpy_pickle.NumpyUnpickler = original
    except Exception as error:
        if numpy_pickle is None:
            raise Unusable(f"{path} cannot be loaded without joblib, if joblib wrote it: {GET_JOBLIB}") from error
        raise Unusable(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    if numpy_pickle is None and "joblib" in replaced:
        raise Unusable(f"joblib wrote {path}, and is needed to read it: {GET_JOBLIB}")
    if replaced - {__name__}:
        print(f"{path.name}: some objects of {', '.join(sorted(replaced - {__name__}))} cannot be rebuilt here; "
              "their attributes are used", file=sys.stderr)
    return thing


def find(folder, artifact):
    for name in FILES[artifact]:
        if (folder / name).is_file():
            return folder / name
    return None


def attribute(thing, *names):
    """The first of these attributes that there is and that is not None; a name may lead on (`tree.rows`). Else None."""
    for name in names:
        found = thing
        for step in name.split("."):
            try:
                found = vars(found)[step]
            except (KeyError, TypeError):
                try:
                    found = getattr(found, step)
                except Exception:
                    found = None
            if found is None or (isinstance(found, StandIn) and not vars(found)):
                found = None
                break
        if found is not None:
            return found
    return None


def needed(value, path, name, tried=""):
    if value is None:
        raise Unusable(f"{path} has no {name}, and it cannot be replaced{tried}")
    return value


def number(thing, path, name, default):
    """A scalar parameter as JSON has it."""
    value = plain(attribute(thing, name))
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise Unusable(f"{path}: {name} is {value!r}, and not a number")
    return value


def plain(value):
    """What JSON can hold: numpy's scalars and arrays as Python's, keys as text."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, dict):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def array(value, path, name, kind, n_dimensions):
    try:
        values = np.ascontiguousarray(value, dtype=kind)
    except (TypeError, ValueError) as error:
        raise Unusable(f"{path}: {name} is no array of numbers: {error}") from error
    if values.ndim != n_dimensions:
        raise Unusable(f"{path}: {name} has {values.ndim} dimensions, and should have {n_dimensions}")
    if values.dtype.kind == "f" and name != "lambda_val" and not np.isfinite(values).all():
        raise Unusable(f"{path}: {name} holds a value that is not a number")
    return values


def read_encoder(encoder, path):
    categories = attribute(encoder, "categories_")
    if categories is None and not isinstance(attribute(encoder, "categories"), str):
        categories = attribute(encoder, "categories")
    categories = [plain(np.asarray(values)) for values in needed(categories, path, "categories_")]
    dropped = attribute(encoder, "drop_idx_")
    if dropped is not None and any(index is not None for index in plain(np.asarray(dropped, dtype=object))):
        raise Unusable(f"{path} leaves a category of each column out (drop), which cannot be taken over")
    if attribute(encoder, "_infrequent_indices") is not None and attribute(encoder, "_infrequent_enabled"):
        raise Unusable(f"{path} puts rare categories together (min_frequency), which cannot be taken over")
    names = attribute(encoder, "feature_names_in_")
    if names is None and len(categories) == len(CATEGORICAL):
        names = CATEGORICAL
    names = [str(name) for name in plain(needed(names, path, "feature_names_in_"))]
    return [{"name": name, "categories": values} for name, values in zip(names, categories)]


def read_scaler(scaler, path):
    mean = attribute(scaler, "mean_")
    if mean is None and attribute(scaler, "with_mean") is False:
        mean = np.zeros(len(SCALED))
    mean = array(needed(mean, path, "mean_"), path, "mean_", np.float64, 1)
    scale = attribute(scaler, "scale_", "std_")
    if scale is None:
        variance = attribute(scaler, "var_")
        if variance is not None:
            scale = np.sqrt(variance)
        elif attribute(scaler, "with_std") is False:
            scale = np.ones(len(mean))
    scale = array(needed(scale, path, "scale_"), path, "scale_", np.float64, 1)
    scale[scale == 0] = 1
    names = attribute(scaler, "feature_names_in_")
    if names is None and len(mean) == len(SCALED):
        names = SCALED
    names = [str(name) for name in plain(needed(names, path, "feature_names_in_"))]
    return [{"name": n, "mean": m, "scale": s} for n, m, s in zip(names, mean.tolist(), scale.tolist())]


def read_umap(reducer, path, columns, scaled):
    for name in ["metric", "output_metric"]:
        metric = attribute(reducer, name)
        if isinstance(metric, str) and metric != "euclidean":
            raise Unusable(f"{path}: {name} is {metric}, and only euclidean can be taken over")
    rows = attribute(reducer, "_raw_data")
    rows = needed(indexed_rows(reducer) if rows is None else rows, path, "_raw_data")
    rows = array(rows.toarray() if hasattr(rows, "toarray") else rows, path, "_raw_data", np.float32, 2)
    spread, min_dist = number(reducer, path, "spread", 1.0), number(reducer, path, "min_dist", 0.1)
    a, b = attribute(reducer, "_a", "a"), attribute(reducer, "_b", "b")
    if a is None or b is None:
        try:
            from umap.umap_ import find_ab_params
            a, b = find_ab_params(spread, min_dist)
        except Exception:
            needed(None, path, "_a and _b")
    seed = plain(attribute(reducer, "random_state"))
    if not isinstance(seed, int):
        seed = number(reducer, path, "transform_seed", 42)
    parameters = {
        "n_neighbors": number(reducer, path, "n_neighbors", 120),
        "min_dist": min_dist,
        "spread": spread,
        "learning_rate": number(reducer, path, "learning_rate", 1.0),
        "negative_sample_rate": number(reducer, path, "negative_sample_rate", 5),
        "repulsion_strength": number(reducer, path, "repulsion_strength", 1.0),
        "local_connectivity": number(reducer, path, "local_connectivity", 1.0),
        "set_op_mix_ratio": number(reducer, path, "set_op_mix_ratio", 1.0),
        "n_epochs": None if isinstance(attribute(reducer, "n_epochs"), (list, tuple))
        else number(reducer, path, "n_epochs", None),
        "seed": seed, "a": float(a), "b": float(b)}
    return (*split(rows, path, columns, scaled), attribute(reducer, "embedding_"), parameters)


def indexed_rows(reducer):
    """The training rows as the search index keeps them, put back into their order. Else None."""
    rows = attribute(reducer, "_knn_search_index._raw_data")
    order = attribute(reducer, "_knn_search_index._vertex_order")
    if rows is None or order is None:
        return None
    restored = np.empty_like(rows)
    restored[np.asarray(order)] = rows
    return restored


def split(rows, path, columns, scaled):
    """The encoded rows as positions of categories and scaled values, whichever of the two comes first."""
    widths = [len(column["categories"]) for column in columns]
    n_one_hot = sum(widths)
    if rows.shape[1] != n_one_hot + len(scaled):
        raise Unusable(f"{path} was fitted on {rows.shape[1]} features, and encoder and scaler make "
                       f"{n_one_hot + len(scaled)}: the pickles are not from one training")
    for one_hot, rest in [(rows[:, :n_one_hot], rows[:, n_one_hot:]), (rows[:, len(scaled):], rows[:, :len(scaled)])]:
        blocks = np.split(one_hot, np.cumsum(widths)[:-1], axis=1)
        if np.isin(one_hot, [0, 1]).all() and all((block.sum(axis=1) <= 1).all() for block in blocks):
            codes = [np.where(block.any(axis=1), block.argmax(axis=1), -1) for block in blocks]
            return np.stack(codes, axis=1), rest
    raise Unusable(f"{path}: the rows of _raw_data are not one-hot columns and scaled ones")


def read_hdbscan(clusterer, path):
    metric = attribute(clusterer, "metric")
    if isinstance(metric, str) and metric != "euclidean":
        raise Unusable(f"{path}: metric is {metric}, and only euclidean can be taken over")
    if number(clusterer, path, "alpha", 1.0) != 1:
        raise Unusable(f"{path}: alpha is not 1, which cannot be taken over")
    min_cluster_size = number(clusterer, path, "min_cluster_size", None)
    min_cluster_size = needed(min_cluster_size, path, "min_cluster_size")
    tree = attribute(clusterer, "_condensed_tree", "condensed_tree_._raw_tree")
    if tree is None or isinstance(tree, StandIn):
        tree = condensed_anew(clusterer, path, min_cluster_size)
    labels = attribute(clusterer, "labels_")
    probabilities = attribute(clusterer, "probabilities_")
    if labels is None or probabilities is None:
        labels_anew, probabilities_anew = labelled_anew(clusterer, path, tree)
        labels = labels_anew if labels is None else labels
        probabilities = probabilities_anew if probabilities is None else probabilities
    parameters = {
        "min_cluster_size": min_cluster_size,
        "min_samples": number(clusterer, path, "min_samples", min_cluster_size),
        "allow_single_cluster": bool(attribute(clusterer, "allow_single_cluster"))}
    places = attribute(clusterer, "_raw_data", "_prediction_data.raw_data")
    return tree, labels, probabilities, places, parameters


def condensed_anew(clusterer, path, min_cluster_size):
    hierarchy = attribute(clusterer, "_single_linkage_tree", "single_linkage_tree_._linkage")
    hierarchy = needed(hierarchy, path, "_condensed_tree", ": there is no _single_linkage_tree either")
    try:
        from hdbscan._hdbscan_tree import condense_tree
        return condense_tree(np.asarray(hierarchy, dtype=np.float64), min_cluster_size)
    except Exception as error:
        raise Unusable(f"{path} has no _condensed_tree, and hdbscan cannot make it anew: {error}") from error


def labelled_anew(clusterer, path, tree):
    try:
        from hdbscan._hdbscan_tree import compute_stability, get_clusters
        method = attribute(clusterer, "cluster_selection_method") or "eom"
        alone = bool(attribute(clusterer, "allow_single_cluster"))
        labels, probabilities, _ = get_clusters(tree, compute_stability(tree), method, alone)
        return labels, probabilities
    except Exception as error:
        missing = f"{path} has no labels_ or no probabilities_"
        raise Unusable(f"{missing}, and hdbscan cannot make them anew: {error}") from error


def read_personas(personas):
    if hasattr(personas, "to_dict"):
        personas = personas.to_dict("index")
    if isinstance(personas, (list, tuple)):
        personas = dict(enumerate(personas))
    if not isinstance(personas, dict) or not all(isinstance(persona, dict) for persona in personas.values()):
        raise Unusable("cluster_personas.pkl is not a dictionary of personas by cluster id")
    return plain(personas)


def export(folder, out):
    paths = {artifact: find(folder, artifact) for artifact in FILES}
    for artifact, path in paths.items():
        if path is None and artifact != "personas":
            raise Unusable(f"{folder} has no {' or '.join(FILES[artifact])}")
    columns = read_encoder(load(paths["encoder"]), paths["encoder"])
    scaled = read_scaler(load(paths["scaler"]), paths["scaler"])
    codes, values, embedding, umap = read_umap(load(paths["umap"]), paths["umap"], columns, scaled)
    tree, labels, probabilities, places, hdbscan = read_hdbscan(load(paths["hdbscan"]), paths["hdbscan"])
    embedding = places if embedding is None else embedding
    embedding = array(needed(embedding, paths["umap"], "embedding_"), paths["umap"], "embedding_", np.float32, 2)
    if places is not None and not (np.shape(places) == embedding.shape and np.allclose(places, embedding, atol=1e-4)):
        raise Unusable(f"{paths['hdbscan']} was not fitted on the map of {paths['umap']}: "
                       "the pickles are not from one training")
    names = ("parent", "child", "child_size", "lambda_val")
    if getattr(tree, "dtype", None) is None or not set(names) <= set(tree.dtype.names or ()):
        raise Unusable(f"{paths['hdbscan']}: _condensed_tree has not the columns {', '.join(names)}")
    arrays = {
        "codes": codes.astype("<i4"), "scaled": values.astype("<f4"), "embedding": embedding.astype("<f4"),
        "labels": array(labels, paths["hdbscan"], "labels_", "<i4", 1),
        "probabilities": array(probabilities, paths["hdbscan"], "probabilities_", "<f4", 1),
        "tree_parent": array(tree["parent"], paths["hdbscan"], "parent", "<i4", 1),
        "tree_child": array(tree["child"], paths["hdbscan"], "child", "<i4", 1),
        "tree_size": array(tree["child_size"], paths["hdbscan"], "child_size", "<i4", 1),
        "tree_lambda": array(tree["lambda_val"], paths["hdbscan"], "lambda_val", "<f8", 1)}
    for name in ["embedding", "labels", "probabilities"]:
        if len(arrays[name]) != len(codes):
            raise Unusable(f"{name} has {len(arrays[name])} rows, and UMAP was fitted on {len(codes)}: "
                           "the pickles are not from one training")
    # Points in one place part at an infinite density; the highest finite one says the same.
    densities = arrays["tree_lambda"]
    densities[np.isinf(densities)] = densities[np.isfinite(densities)].max(initial=1)
    personas = {} if paths["personas"] is None else read_personas(load(paths["personas"]))
    if not personas:
        missing = f"{folder} has no {FILES['personas'][0]}"
        print(f"{missing}: personas will be counted from the training rows", file=sys.stderr)
    write(out, arrays, {"columns": columns, "scaled": scaled, "umap": umap, "hdbscan": hdbscan, "personas": personas})
    return len(codes), len(set(arrays["labels"].tolist()) - {-1}), len(personas)


def write(out, arrays, content):
    out.mkdir(parents=True, exist_ok=True)
    sums = {}
    for name, values in arrays.items():
        path = out / f"{name}.npy"
        np.save(path, np.ascontiguousarray(values), allow_pickle=False)
        sums[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    whole = {"format_version": FORMAT_VERSION, "rows": len(arrays["codes"]), **content, "sha256": sums}
    text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
    (out / "export.json").write_text(text + "\n", encoding="utf-8")


def main(arguments):
    if len(arguments) != 2:
        print("usage: python3 export_pickles.py PICKLE_DIR OUT_DIR", file=sys.stderr)
        return 2
    warnings.simplefilter("ignore")
    folder, out = Path(arguments[0]), Path(arguments[1])
    try:
        rows, clusters, personas = export(folder, out)
    except Unusable as error:
        print(f"nothing was exported: {error}", file=sys.stderr)
        return 1
    print(f"exported {rows} training rows, {clusters} clusters and {personas} personas to {out}")
    print(f"now run: content-portal models import {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
