"""Files: fitted segmenters, and runs that can be interrupted.

A file is in the safetensors format, with a JSON header in its metadata. Nothing in it is executed when it is read, and
nothing is unpickled. ``python -m sslts.persistence FILE`` prints what is in it.
"""

from sslts.persistence.card import read_card
from sslts.persistence.files import PersistenceError
from sslts.persistence.models import load

__all__ = ["PersistenceError", "load", "read_card"]
