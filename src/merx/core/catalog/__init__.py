"""Owns the catalogue: products with variants, options and images, the category tree, the words products are found by."""
