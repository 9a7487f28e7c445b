"""Owns the sale: a basket becomes an order (PREPARE), is paid (PAY) and settled (SETTLE); each may be repeated."""
