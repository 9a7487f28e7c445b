"""The installation's own first page: what is here, and the way in."""
