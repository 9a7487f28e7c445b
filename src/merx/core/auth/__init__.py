"""Owns who may do what: people, memberships and roles, keys, sessions and their tokens, OAuth clients."""
