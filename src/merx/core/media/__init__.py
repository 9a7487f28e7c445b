"""Owns the pictures that merchants upload: what is taken, the sizes they are served in, where they lie, and when they
are cleared away."""
