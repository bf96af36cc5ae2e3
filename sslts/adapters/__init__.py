"""Adapters to foreign worlds, a folder each, imported only when asked for."""
