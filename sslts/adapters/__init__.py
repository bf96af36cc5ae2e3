"""Adapters to other libraries, one folder per library; `sslts` does not import them by itself."""
