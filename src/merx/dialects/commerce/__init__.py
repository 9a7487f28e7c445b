"""The Commerce API, version 2.4.0: products, orders and signing in, for a shop's own programs and its shoppers."""
