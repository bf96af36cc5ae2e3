"""Recordings to try things on: synthetic ones with known truth, and PhysioNet's LUDB."""

from sslts.datasets.ludb import LUDB, load_ludb
from sslts.datasets.synthetic import make_recordings

__all__ = ["LUDB", "load_ludb", "make_recordings"]
