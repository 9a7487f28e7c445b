"""Pure: whether an upload is a picture we take, and the files it is served as. What comes in is decoded by a library,
as one of five formats and no other, and encoded anew: nothing of the upload but its pixels is ever served."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

from merx.core.media.model import MAX_BYTES, MAX_PIXELS, MAX_SIDE, SIZES, NoPicture, Rendered

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
QUALITY = 82
TALLEST = 4  # times as high as wide; what is taller is made narrower
_TURNED = (5, 6, 7, 8)
_ORIENTATION = 0x0112


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def check(data: bytes) -> None:
    """What can be said of the bytes before anything is decoded."""
    if not data:
        raise NoPicture("The upload is empty.")
    if len(data) > MAX_BYTES:
        raise NoPicture(f"A picture is at most {MAX_BYTES >> 20} MiB.", code="image_too_large")
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<") and b"<svg" in data[:4096].lower():
        raise NoPicture("SVG drawings are not taken, because they can hold scripts; upload a PNG, JPEG or WebP.")


def render(data: bytes) -> Rendered:
    """Every size of the picture, turned the way it was taken, without its metadata. Takes up to a second of a core and
    some bytes for each of its pixels: for a thread, and not for many at once."""
    check(data)
    image = _opened(data)
    try:
        shown = _decoded(image)
    except Exception:  # whatever a decoder stumbles over: cut off, garbled, made to break it
        raise NoPicture("The picture is damaged: it can't be decoded to its end.") from None
    finally:
        image.close()
    width, height, encoded = shown.width, shown.height, b""
    files: dict[int, bytes] = {}
    for size in reversed(SIZES):
        if shown.width > size:
            shown, encoded = shown.resize((size, max(1, round(shown.height * size / shown.width)))), b""
        encoded = files[size] = encoded or _encoded(shown)
    return Rendered(width, height, files)


def _opened(data: bytes) -> Image:
    """Its head is read and judged; no pixel is decoded yet."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        moves = image.format != "MPO" and getattr(image, "is_animated", False)  # MPO: a camera's JPEG with a preview
    except UnidentifiedImageError:
        raise NoPicture(
            "This is no picture that is taken here: upload a JPEG, PNG, WebP, GIF or AVIF.", code="unsupported_image"
        ) from None
    except Image.DecompressionBombError:
        raise _too_many() from None
    except Exception:
        raise NoPicture("The picture is damaged: its head can't be read.") from None
    if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
        raise _too_many()
    if moves:
        raise NoPicture("Animated pictures are not taken; upload one frame of it.", code="animated_image")
    return image


def _decoded(image: Image) -> Image:
    """At most as large as the largest size, upright, in sRGB, with nothing beside its pixels."""
    from PIL import ImageOps

    box = (SIZES[-1], SIZES[-1] * TALLEST)
    if image.getexif().get(_ORIENTATION) in _TURNED:
        box = (box[1], box[0])
    image.draft(None, box)  # a JPEG is decoded at a fraction of its size
    image.load()
    plain = _plain(image)
    plain.thumbnail(box, reducing_gap=3.0)
    plain = _in_srgb(ImageOps.exif_transpose(plain), image.info.get("icc_profile"))
    plain.info.clear()
    return plain


def _plain(image: Image) -> Image:
    """With eight bits for each colour, and an alpha channel only where something is transparent."""
    if image.mode.startswith("I"):  # sixteen bits of grey
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in ("RGB", "CMYK", "RGBA"):
        return image
    clear = image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info
    return image.convert("RGBA" if clear else "RGB")


def _in_srgb(image: Image, profile: bytes | None) -> Image:
    from PIL import ImageCms

    if profile and image.mode in ("RGB", "CMYK"):
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            found = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            found = None  # a broken profile is none
        if found is not None:
            return found
    return image if image.mode in ("RGB", "RGBA") else image.convert("RGB")


def _encoded(image: Image) -> bytes:
    written = io.BytesIO()
    image.save(written, "WEBP", quality=QUALITY, method=4)
    return written.getvalue()


def _too_many() -> NoPicture:
    return NoPicture(
        f"A picture has at most {MAX_PIXELS // 1_000_000} million pixels, and {MAX_SIDE:,} on a side.",
        code="image_too_large",
    )
