"""Remembers what a request with an idempotency key did, so that sending it again does nothing new."""
