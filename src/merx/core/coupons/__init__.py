"""Owns coupons: what a code gives, when it applies, and how often it was used."""
