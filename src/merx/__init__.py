"""Merx: one commerce engine, five published shop APIs on top of it."""

__version__ = "0.1.0"
