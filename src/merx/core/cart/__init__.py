"""Owns carts: a signed-in shopper's one open cart, or a guest's under an id of the guest's own making."""
