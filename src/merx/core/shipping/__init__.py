"""Owns shipping methods and what they cost. 'standard' is the settings' flat rate; the others are rows."""
