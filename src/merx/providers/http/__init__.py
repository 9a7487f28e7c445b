"""Calls to addresses that somebody else chose: to public machines only, bounded in time and in size."""

from merx.providers.http.sender import HttpSender

__all__ = ["HttpSender"]
