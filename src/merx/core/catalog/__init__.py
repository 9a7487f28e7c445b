"""Owns the catalogue: products with variants, options and images, categories, and the words that find products."""
