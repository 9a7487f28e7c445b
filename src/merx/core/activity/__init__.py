"""Owns the access log: which requests a tenant's callers made, when, from where and how they ended."""
