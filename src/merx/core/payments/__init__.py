"""Owns payments (every attempt is a row), refunds, and the inbox of provider events."""
