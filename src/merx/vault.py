"""Secrets that must be read again (provider credentials, webhook secrets): sealed with AES-256-GCM under a key of this
installation. Other uses of that key (tokens, digests) get keys of their own, so that no two uses share one."""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Vault:
    def __init__(self, secret_key: bytes) -> None:
        self._secret = secret_key
        self._keys: dict[str, bytes] = {}
        self._sealing = AESGCM(self.key("seal"))

    def key(self, use: str) -> bytes:
        """32 bytes for this one use."""
        found = self._keys.get(use)
        if found is None:
            found = self._keys[use] = hmac.digest(self._secret, f"merx/{use}".encode(), hashlib.sha256)
        return found

    def seal(self, plain: bytes, bound_to: str) -> bytes:
        """`bound_to` (tenant and purpose) is authenticated: what is sealed for one can't be opened for another."""
        nonce = os.urandom(12)
        return nonce + self._sealing.encrypt(nonce, plain, bound_to.encode())

    def open(self, sealed: bytes, bound_to: str) -> bytes:
        try:
            return self._sealing.decrypt(sealed[:12], sealed[12:], bound_to.encode())
        except InvalidTag:
            raise ValueError("sealed under another key, or for somebody else") from None

    def digest(self, secret: str | bytes) -> bytes:
        """How keys and tokens are stored: HMAC-SHA256, so that a stolen table is no list of credentials."""
        return hmac.digest(self._secret, secret if isinstance(secret, bytes) else secret.encode(), hashlib.sha256)
