"""Files of fitted segmenters and of interrupted runs.

A file has the safetensors format, with a JSON header in its metadata. Reading a file executes no code and unpickles
nothing. ``python -m sslts.persistence FILE`` prints a description of a file.
"""

from sslts.persistence._card import read_card
from sslts.persistence._forests import build_forest, get_forest_state, is_forest, list_classifier_arrays
from sslts.persistence._nets import check_device, check_sizes, find_spoiled, get_net_state, set_net_state
from sslts.persistence._values import is_count
from sslts.persistence.checkpoints import Checkpoint, SavedRounds, open_checkpoint
from sslts.persistence.files import PersistenceError, read_file, write_file
from sslts.persistence.models import Savable, load

__all__ = [
    "Checkpoint",
    "PersistenceError",
    "Savable",
    "SavedRounds",
    "build_forest",
    "check_device",
    "check_sizes",
    "find_spoiled",
    "get_forest_state",
    "get_net_state",
    "is_count",
    "is_forest",
    "list_classifier_arrays",
    "load",
    "open_checkpoint",
    "read_card",
    "read_file",
    "set_net_state",
    "write_file",
]
