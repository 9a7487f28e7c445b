"""Pictures made for tests."""

from __future__ import annotations

import io
import os
from typing import Any

from PIL import Image


def encoded(image: Image.Image, kind: str = "PNG", **how: Any) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **how)
    return written.getvalue()


def picture(width: int = 300, height: int = 200, kind: str = "PNG", mode: str = "RGB", **how: Any) -> bytes:
    """No two are the same."""
    image = Image.frombytes("L", (16, 16), os.urandom(256)).resize((width, height)).convert(mode)
    return encoded(image, kind, **how)


def decoded(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image
