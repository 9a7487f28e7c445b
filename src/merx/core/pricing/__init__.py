"""Owns the arithmetic of a basket: line, discount, shipping, tax, in that order, to the last minor unit."""
