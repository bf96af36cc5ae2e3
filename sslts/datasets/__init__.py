"""Recordings for experiments: synthetic recordings with known labels, and PhysioNet's LUDB."""

from sslts.datasets.heartbeats import make_heartbeats
from sslts.datasets.ludb import LUDB, load_ludb
from sslts.datasets.synthetic import make_recordings

__all__ = ["LUDB", "load_ludb", "make_heartbeats", "make_recordings"]
