"""Conditions of the study, which are labels, data and methods, and the conditions of each part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

N_TRAIN = 120
PATIENTS = (1, 2, 4, 7, 15, 30, 60, 120)
SPLITS = (0, 1, 2)
TWO_SPLITS = SPLITS[:2]  # splits of parts 2 to 6


@dataclass(frozen=True)
class Condition:
    """One fit.

    Parameters
    ----------
    method : str
        A name of `runs.METHODS`.
    split : int
        Split of LUDB's patients, or seed of synthetic recordings.
    data : str
        ``ludb``; ``rare`` (synthetic, two classes); ``leads`` and ``sensor`` (the next customer, part 5).
    labeled : int
        Patients whose recordings are labeled, or the same number of samples in other units.
    unlabeled : int or None
        Patients without labels; None means all other training patients.
    unit : str
        Unit of labeling: ``patient``, ``lead``, ``window``, ``segment``.
    foreign : float
        Share of foreign recordings among the unlabeled recordings.
    share : float or None
        Share of the time that the pattern fills (``rare``).
    wrong : float
        Share of the labeled waves with a wrong class.
    jitter : float
        Standard deviation of the shifts of labeled boundaries, in milliseconds.
    start : str
        ``nothing``; or from an earlier customer: ``init`` (model), ``pooled`` (labels), ``as it is`` (unchanged model).
    params : dict
        Parameters of the segmenter that differ from the defaults of the study.
    """

    method: str
    split: int
    data: str = "ludb"
    labeled: int = 7
    unlabeled: int | None = None
    unit: str = "patient"
    foreign: float = 0.0
    share: float | None = None
    wrong: float = 0.0
    jitter: float = 0.0
    start: str = "nothing"
    params: dict[str, Any] = field(default_factory=dict)

    def key(self) -> dict[str, Any]:
        """Return the key of a run in the file of results."""
        return asdict(self)


BOTH = ("supervised", "fixmatch")
FOREIGN = (0.5, 1.0)
SHARES = (0.1, 0.01, 0.002)
WRONG = (0.05, 0.1, 0.2)
JITTER = (20.0, 40.0)
THRESHOLDS, LAMBDAS = (0.6, 0.8, 0.95), (0.5, 1.0, 3.0)


def list_label_efficiency(split: int) -> Iterator[Condition]:
    """Yield the conditions of part 1: the number of labeled patients."""
    for labeled in PATIENTS:
        yield from (Condition(method, split, labeled=labeled) for method in BOTH)


def list_pseudo_labels(split: int) -> Iterator[Condition]:
    """Yield the conditions of part 1 for two pseudo-label methods, at three numbers of patients."""
    for labeled in (2, 7, 30):
        yield from (Condition(method, split, labeled=labeled) for method in ("pseudo_label", "self_training"))


def list_ratios(split: int) -> Iterator[Condition]:
    """Yield the conditions of part 2: the number of unlabeled patients, and of unlabeled windows in a batch."""
    base = Condition("fixmatch", split)
    yield from (replace(base, unlabeled=n) for n in (0, 10, 30, 60))
    yield from (replace(base, params={"mu": mu}) for mu in (2.0, 4.0, 7.0))


def list_units(split: int) -> Iterator[Condition]:
    """Yield the conditions of part 3: the unit of labeling, at an equal number of labeled samples."""
    for unit in ("lead", "window", "segment"):
        yield from (Condition(method, split, unit=unit) for method in BOTH)


def list_limits(split: int) -> Iterator[Condition]:
    """Yield the conditions of part 4: foreign recordings, rare patterns, wrong labels, shifted boundaries."""
    yield from (Condition("fixmatch", split, foreign=foreign) for foreign in FOREIGN)
    for method in BOTH:
        yield from (Condition(method, split, data="rare", share=share) for share in SHARES)
        yield from (Condition(method, split, wrong=wrong) for wrong in WRONG)
        yield from (Condition(method, split, jitter=jitter) for jitter in JITTER)


def list_customers(split: int) -> Iterator[Condition]:
    """Yield the conditions of part 5: the next customer."""
    for data in ("leads", "sensor"):
        base = Condition("fixmatch", split, data=data)
        yield replace(base, method="supervised", labeled=0, start="as it is")
        yield replace(base, labeled=0, start="pooled")
        for labeled in (1, 2, 7):
            yield from (replace(base, labeled=labeled, start=start) for start in ("nothing", "init", "pooled"))


def list_settings(split: int) -> Iterator[Condition]:
    """Yield the conditions of part 6: threshold and weight of the unlabeled loss (every run measures calibration)."""
    base = Condition("fixmatch", split)
    for threshold in THRESHOLDS:
        for weight in LAMBDAS:
            params = {"threshold": threshold, "lambda_u": weight}
            yield replace(base, params={} if (threshold, weight) == (0.8, 1.0) else params)


def list_core(split: int) -> Iterator[Condition]:
    """Yield the conditions that show the shapes of all parts; they run first."""
    fixmatch = Condition("fixmatch", split)
    for method in BOTH:
        yield from (Condition(method, split, labeled=labeled) for labeled in (2, 7, 30))
    yield Condition("supervised", split, labeled=N_TRAIN)
    yield from (replace(fixmatch, unlabeled=n) for n in (0, 30))
    for method in BOTH:
        yield from (Condition(method, split, unit=unit) for unit in ("lead", "window", "segment"))
        yield Condition(method, split, wrong=0.2)
        yield Condition(method, split, jitter=40.0)
        yield from (Condition(method, split, data="rare", share=share) for share in (0.01, 0.002))
    yield replace(fixmatch, foreign=1.0)
    earlier = replace(fixmatch, data="leads", labeled=2)
    yield replace(earlier, method="supervised", labeled=0, start="as it is")
    yield from (replace(earlier, start=start) for start in ("nothing", "init", "pooled"))
    yield replace(earlier, labeled=0, start="pooled")
    yield from (replace(fixmatch, params={"threshold": t, "lambda_u": 1.0}) for t in (0.6, 0.95))
    yield replace(fixmatch, params={"threshold": 0.8, "lambda_u": 3.0})
    yield replace(fixmatch, params={"mu": 4.0})
    yield from (Condition(method, split) for method in ("pseudo_label", "self_training"))


def list_conditions(parts: list[int]) -> list[Condition]:
    """Return all conditions of the parts without repetition, starting with those of `list_core`."""
    listers = {2: list_ratios, 3: list_units, 5: list_customers, 4: list_limits, 6: list_settings}
    wanted = [condition for split in SPLITS for condition in list_label_efficiency(split) if 1 in parts]
    for part, lister in listers.items():
        pairs = zip(*(lister(split) for split in TWO_SPLITS), strict=True)  # runs rows on the same splits
        wanted += [condition for pair in pairs for condition in pair if part in parts]
    wanted += [condition for split in SPLITS for condition in list_pseudo_labels(split) if 1 in parts]
    core = [condition for split in TWO_SPLITS for condition in list_core(split) if condition in wanted]
    found = [*core, *wanted]
    return [condition for i, condition in enumerate(found) if condition not in found[:i]]
