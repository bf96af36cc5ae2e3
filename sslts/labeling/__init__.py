"""Which labels next: suggest stretches to label, and simulate what their labels buy.

``suggestions.py`` has the function that users call; ``strategies.py`` the rules by which stretches are chosen, from the
candidates of ``pool.py``, in the order of ``turns.py``; ``simulation.py`` plays the annotator.
"""

from sslts.labeling.description import describe_stretches, scale_descriptions
from sslts.labeling.effort import Clicks
from sslts.labeling.growth import grow_points
from sslts.labeling.pool import Pool, Stretches, find_density
from sslts.labeling.simulation import EVERYTHING, simulate_labeling
from sslts.labeling.strategies import (
    Choice,
    CoveringStretches,
    RandomStretches,
    RepresentativeStretches,
    Strategy,
    UncertainStretches,
)
from sslts.labeling.suggestions import check_strategy, count_stretches, number_groups, suggest_stretches
from sslts.labeling.turns import Turns

__all__ = [
    "EVERYTHING",
    "Choice",
    "Clicks",
    "CoveringStretches",
    "Pool",
    "RandomStretches",
    "RepresentativeStretches",
    "Strategy",
    "Stretches",
    "Turns",
    "UncertainStretches",
    "check_strategy",
    "count_stretches",
    "describe_stretches",
    "find_density",
    "grow_points",
    "number_groups",
    "scale_descriptions",
    "simulate_labeling",
    "suggest_stretches",
]
