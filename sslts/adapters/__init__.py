"""Adapters to foreign worlds, one file each, imported only when asked for."""
