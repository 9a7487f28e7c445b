"""Owns the way back into an account whose password is forgotten: asking for a link, and using it."""
