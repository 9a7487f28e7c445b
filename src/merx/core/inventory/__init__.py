"""Owns stock: what is on hand, what is reserved, and the ledger of movements that sums to both."""
