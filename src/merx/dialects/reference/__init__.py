"""Owns the Reference API: users, products, orders, payments, notifications, logs. Ids with prefixes, bare arrays."""
