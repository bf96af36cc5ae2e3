"""Fitted forests as tables of numbers, so that a file holds no pickle.

A forest is written as the arrays of its trees. It is built again by scikit-learn's own class, from checked arrays. The
file also holds the answers of the forest to some samples: a forest of another version of scikit-learn that answers
differently is refused.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.tree import DecisionTreeClassifier

from sslts.persistence._values import FORESTS, is_count
from sslts.persistence.files import PersistenceError

_N_PROBES = 64
_LEAF = -1
_SMALLER = {np.dtype(np.int64): np.int32}  # numbers of nodes, features and samples
_Table = dict[str, Any]


def is_forest(classifier: Any) -> bool:
    """Return whether a file can hold this fitted classifier."""
    return type(classifier) in FORESTS


def get_forest_state(forest: Any) -> _Table:
    """Return the trees of a fitted forest as arrays, all trees end to end, with answers to a few samples.

    Examples
    --------
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> X, y = np.random.default_rng(0).random((50, 3)).astype("f"), np.arange(50) % 2
    >>> forest = ExtraTreesClassifier(5, random_state=0).fit(X, y)
    >>> state = get_forest_state(forest)
    >>> again = build_forest(state, n_features=3, classes=np.array([0, 1]))
    >>> bool((again.predict_proba(X) == forest.predict_proba(X)).all())
    True
    """
    trees = [one.tree_.__getstate__() for one in forest.estimators_]
    nodes = np.concatenate([tree["nodes"] for tree in trees])
    names: tuple[str, ...] = nodes.dtype.names or ()
    probes = _make_probes(nodes, forest.n_features_in_)
    return {
        "kind": type(forest).__name__,
        "sizes": np.array([tree["node_count"] for tree in trees]),
        "depths": np.array([tree["max_depth"] for tree in trees]),
        "nodes": {name: nodes[name].astype(_SMALLER.get(nodes[name].dtype, nodes[name].dtype)) for name in names},
        "values": np.concatenate([tree["values"] for tree in trees])[:, 0],
        "answers": forest.predict_proba(probes),
    }


def build_forest(state: Any, *, n_features: int, classes: np.ndarray) -> Any:
    """Return the forest of a state of `get_forest_state`.

    Raises
    ------
    PersistenceError
        If the arrays are no trees, or if this version of scikit-learn builds a forest that answers differently.
    """
    kind = next((cls for cls in FORESTS if cls.__name__ == state["kind"]), None)
    if kind is None:
        raise PersistenceError(f"the file holds a {str(state['kind'])[:40]!r}, which this version can't build.")
    n_classes = len(classes)
    nodes, sizes, depths, values = _check_trees(state, n_features, n_classes)
    forest = kind(n_estimators=len(sizes))
    forest.estimators_ = []
    ends, make_tree = np.cumsum(sizes), type(_grow_stump())
    for start, end, depth in zip((ends - sizes).tolist(), ends.tolist(), depths.tolist(), strict=True):
        tree = make_tree(n_features, np.array([n_classes], dtype=np.intp), 1)
        tree.__setstate__(
            {
                "max_depth": depth,
                "node_count": end - start,
                "nodes": nodes[start:end],
                "values": np.ascontiguousarray(values[start:end, None]),
            }
        )
        one = clone(forest.estimator)
        one.tree_, one.classes_ = tree, np.arange(n_classes, dtype=np.float64)
        one.n_classes_, one.n_outputs_, one.n_features_in_ = np.int64(n_classes), 1, n_features
        forest.estimators_.append(one)
    forest.classes_, forest.n_classes_ = classes, n_classes
    forest.n_outputs_, forest.n_features_in_ = 1, n_features
    answers = forest.predict_proba(_make_probes(nodes, n_features))
    if not np.array_equal(answers, state["answers"]):
        raise PersistenceError(
            "the forest in the file answers differently with this version of scikit-learn; fit again, or load the file "
            "with the version of scikit-learn that saved it."
        )
    return forest


@functools.cache
def _grow_stump() -> Any:
    """Return a small tree, which has the type of trees and of nodes of this version of scikit-learn."""
    return DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1]).tree_


def _check_trees(state: _Table, n_features: int, n_classes: int) -> tuple[np.ndarray, ...]:
    """Return nodes, sizes, depths and values; raise PersistenceError if they are no trees.

    scikit-learn reads children and features of a node without a check of its own, so they are checked here.
    """
    sizes, depths, values, columns = state["sizes"], state["depths"], state["values"], state["nodes"]
    node_type = _grow_stump().__getstate__()["nodes"].dtype
    if not isinstance(columns, dict) or set(columns) != set(node_type.names):
        raise PersistenceError(
            "the forest in the file has other columns than the trees of this version of scikit-learn; fit again, or "
            "load the file with the version of scikit-learn that saved it."
        )
    total = len(values)
    arrays = [sizes, depths, values, *columns.values()]
    if (
        not all(isinstance(array, np.ndarray) for array in arrays)
        or any(array.shape != (total,) for array in columns.values())
        or sizes.ndim != 1
        or depths.shape != sizes.shape
        or not all(is_count(n) and n > 0 for n in sizes.tolist())
        or not all(map(is_count, depths.tolist()))
        or sum(sizes.tolist()) != total
        or values.shape != (total, n_classes)
        or not len(sizes)
    ):
        raise PersistenceError("the forest in the file is damaged: the sizes of its tables do not fit together.")
    nodes = np.zeros(total, dtype=node_type)
    for name, column in columns.items():
        if column.dtype != _SMALLER.get(node_type[name], node_type[name]):
            raise PersistenceError(f"the forest in the file is damaged: {name} has another type.")
        nodes[name] = column
    size = np.repeat(sizes, sizes)
    own = np.arange(total) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    left, right, feature = nodes["left_child"], nodes["right_child"], nodes["feature"]
    leaf = left == _LEAF
    inner = ~leaf
    valid = (
        (right[leaf] == _LEAF).all()
        and all(((child[inner] > own[inner]) & (child[inner] < size[inner])).all() for child in (left, right))
        and ((feature[inner] >= 0) & (feature[inner] < n_features)).all()
        and np.isfinite(nodes["threshold"][inner]).all()
        and np.isfinite(values).all()
        and (values >= 0).all()
    )
    if not valid:
        raise PersistenceError("the forest in the file is damaged: its nodes form no trees.")
    return nodes, sizes, depths, values.astype(np.float64)


def _make_probes(nodes: np.ndarray, n_features: int) -> np.ndarray:
    """Return samples (n, F) whose features are thresholds of the trees, so that they reach many leaves."""
    rng = np.random.default_rng(0)
    thresholds = nodes["threshold"][nodes["left_child"] != _LEAF]
    if not len(thresholds):
        return np.zeros((_N_PROBES, n_features), dtype=np.float32)
    return rng.choice(thresholds, (_N_PROBES, n_features)).astype(np.float32)


def list_classifier_arrays(classifier: Any) -> Iterator[np.ndarray]:
    """Yield arrays that are equal for equal fitted classifiers, for fingerprints."""
    if is_forest(classifier):
        state = get_forest_state(classifier)
        yield from (state["sizes"], state["values"], *(state["nodes"][name] for name in sorted(state["nodes"])))
    else:
        yield np.frombuffer(str(joblib.hash(classifier)).encode(), dtype=np.uint8)
