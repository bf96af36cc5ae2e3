"""Benchmark of the next customer: one call with the earlier customer's labels and model, against the simple ways.

An earlier customer has labels for all recordings, and a model. The new customer has labels for 0, 1, 2 or 7 units, and
unlabeled recordings. ``fit(X, y, source=(X_old, y_old))`` with ``init=`` is compared with simple ways: the old model
as it is, a fit from nothing, a fit from the old weights, and a fit on the labels of both. Fits are small, as in the
study of label efficiency (a narrow network, 400 steps). Results are stored in JSON; a stored run is not repeated.

Run from the root of the project::

    python examples/benchmarks/customers.py --data FOLDER
    python examples/benchmarks/customers.py --data FOLDER --pairs leads sensor --labeled 1 --draws 0
    python examples/benchmarks/customers.py --data FOLDER --validate
    python examples/benchmarks/customers.py --write-page

``FOLDER`` holds the sets of the benchmark of the field. ``--validate`` scores the validation units and leaves the test
units alone: choose by it.
"""

from __future__ import annotations

import argparse
import time
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from customers_data import PAIRS, Pair
from runs import add_results, describe_machine, has_run, make_segmenter, read_results
from study import OWN_PARAMS, PARAMS

from sslts import metrics
from sslts.networks import UNet

RESULTS = Path(__file__).parent / "results" / "customers.json"
STEPS = 400
LABELED = (0, 1, 2, 7)
DRAWS = (0, 1, 2)
WAYS = ("old", "new", "init", "pooled", "source")
SIMPLE = WAYS[:-1]


def make_params(pair: str, draw: int) -> dict[str, Any]:
    """Return the parameters of a fit: those of the study, but windows and strides from the signal for real sets.

    The network's arithmetic is bfloat16 where the machine computes it faster. Window features never guide a fit.
    """
    params = {**PARAMS, "precision": "auto", "verbose": 0, "random_state": draw}
    return params | {"network": UNet(width=16), "window_length": None} if PAIRS[pair].is_real else params


class Customer:
    """The earlier customer's model of one pair in one draw, fitted when it is first needed."""

    def __init__(self, pair: str, draw: int, folder: Path | None) -> None:
        self.pair, self.draw = pair, draw
        self.data: Pair = PAIRS[pair].make(folder, draw)

    @cache  # noqa: B019
    def fit_old(self) -> Any:
        """Return the old model, fitted on all its labels."""
        params = make_params(self.pair, self.draw)
        return make_segmenter("supervised", STEPS, self.draw, **params).fit(*self.data.old)

    def fit(self, way: str, labeled: int) -> Any:
        """Return a model for the new customer."""
        old, new, y = self.data.old, self.data.new, self.data.label(labeled)
        if way == "old":
            return self.fit_old()
        params = {**make_params(self.pair, self.draw), **OWN_PARAMS["fixmatch"], "guide": None}
        segmenter = make_segmenter("fixmatch", STEPS, self.draw, **params)
        if way == "init":  # goes on with the training of the old model, and chooses nothing
            learned = {name: value for name, value in vars(self.fit_old()).items() if name.endswith("_")}
            vars(segmenter).update(learned)
            return segmenter.set_params(warm_start=True).fit(new.X, y)
        if way == "new":
            return segmenter.fit(new.X, y)
        if way == "pooled":
            return segmenter.fit([*old.X, *new.X], [*old.y, *y])
        return segmenter.set_params(init=self.fit_old()).fit(new.X, y, source=(old.X, old.y))


def list_ways(labeled: int) -> tuple[str, ...]:
    """Return the ways that are open with a number of labeled units."""
    return WAYS if labeled else ("old", "pooled", "source")


def evaluate(segmenter: Any, X: list[Any], y: list[Any]) -> dict[str, float]:
    """Return the mean IoU of the most probable classes, as in the study, and the figures of decoded segments."""
    probable = [segmenter.classes_[proba.argmax(-1)] for proba in segmenter.predict_proba(X)]
    found = segmenter.predict(X)
    counts = metrics.count_error(y, found)
    return {
        "mean_iou": metrics.mean_iou(y, probable),
        "segment_f1": metrics.segment_f1(y, found),
        "count_mae": counts.mae,
        "count_exact": counts.exact,
    }


def run(customer: Customer, way: str, labeled: int, subset: str) -> dict[str, Any]:
    """Fit one way, and return its figures on test or validation units."""
    customer.fit_old()
    begun = time.process_time()
    segmenter = customer.fit(way, labeled)
    seconds = time.process_time() - begun
    return {
        **evaluate(segmenter, *getattr(customer.data, subset)),
        "transfer": getattr(segmenter, "transfer_", None) if way == "source" else None,
        "cpu_seconds": seconds,
        "precision": segmenter.precision_,
        **describe_machine(),
    }


def main() -> None:
    """Run the requested fits that have no result yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the sets; without it, LUDB is downloaded")
    parser.add_argument("--pairs", nargs="+", choices=list(PAIRS), default=list(PAIRS))
    parser.add_argument("--labeled", nargs="+", type=int, default=list(LABELED))
    parser.add_argument("--draws", nargs="+", type=int, default=list(DRAWS))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--validate", action="store_true", help="score validation units, to choose by")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write-page", action="store_true", help="write the stored results to docs, and stop")
    options = parser.parse_args()
    if options.write_page:
        from customers_page import write_customers

        write_customers(read_results(options.results))
        return
    warnings.simplefilter("ignore")  # of fits without labels, which the table shows
    subset = "validation" if options.validate else "test"
    for draw in options.draws:
        for pair in options.pairs:
            customer = None
            for labeled in options.labeled:
                for way in (way for way in list_ways(labeled) if way in options.ways):
                    key = {"pair": pair, "labeled": labeled, "draw": draw, "way": way, "steps": STEPS, "subset": subset}
                    if has_run(options.results, key):
                        continue
                    customer = customer or Customer(pair, draw, options.data)
                    result = run(customer, way, labeled, subset)
                    add_results(options.results, [{**key, **result}])
                    chosen = (result["transfer"] or {}).get("chosen", "")
                    print(f"{100 * result['mean_iou']:.1f}  {result['cpu_seconds']:.0f} s  {key} {chosen}", flush=True)


if __name__ == "__main__":
    main()
