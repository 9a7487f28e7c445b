"""Owns what is told to people by mail and text message: the outbox of both, the letters, and who wants none of it."""
