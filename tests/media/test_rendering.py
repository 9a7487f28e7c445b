"""What is taken as a picture, and what is made of it."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image
from tests.media.pictures import decoded, encoded, picture

from merx.core.media import rules
from merx.core.media.model import MAX_BYTES, SIZES, NoPicture, sized


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_every_format_becomes_webp_in_every_size(kind: str) -> None:
    made = rules.render(picture(2000, 1000, kind))
    assert (made.width, made.height) == (1600, 800)
    shown = {size: decoded(content) for size, content in made.files.items()}
    assert {size: (one.format, one.size) for size, one in shown.items()} == {
        size: ("WEBP", (size, size // 2)) for size in SIZES
    }


def test_a_small_picture_is_never_made_larger() -> None:
    made = rules.render(picture(300, 200))
    assert [decoded(made.files[size]).width for size in SIZES] == [160, 300, 300, 300]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_pixel(mode: str) -> None:
    grey = 40_000 if mode == "I;16" else 156
    image = (
        Image.new("I;16", (40, 40), grey)
        if mode == "I;16"
        else Image.new("L", (40, 40), grey).convert(mode, dither=Image.Dither.NONE)
    )
    made = decoded(rules.render(encoded(image, "JPEG" if mode == "CMYK" else "PNG")).files[160])
    wanted = 255 if mode == "1" else 156
    assert all(abs(one - wanted) <= 4 for one in made.convert("RGB").getpixel((20, 20)))


def test_what_is_clear_stays_clear() -> None:
    made = decoded(rules.render(encoded(Image.new("RGBA", (400, 400), (255, 0, 0, 0)))).files[480])
    assert made.mode == "RGBA" and made.getpixel((5, 5))[3] == 0


def test_it_is_turned_upright_and_its_notes_are_left_behind() -> None:
    notes = Image.Exif()
    notes[0x0112], notes[0x010F], notes[0x9286] = 6, "SECRET CAMERA", "SECRET PLACE"
    image = Image.new("RGB", (400, 200), "red")
    image.paste("blue", (0, 0, 200, 200))  # left; after a quarter turn clockwise, on top
    data = encoded(image, "JPEG", exif=notes, comment=b"SECRET COMMENT", quality=95)
    assert b"SECRET" in data
    made = rules.render(data)
    shown = decoded(made.files[1600])
    assert (made.width, made.height) == shown.size == (200, 400)
    assert shown.getpixel((100, 50))[2] > 200 > 100 > shown.getpixel((100, 50))[0]
    for content in made.files.values():
        assert b"SECRET" not in content and b"EXIF" not in content and b"ICCP" not in content


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "invalid_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "invalid_image"),
        (b"\xef\xbb\xbf <?xml version='1.0'?>\n<!-- x -->\n<svg/>", "invalid_image"),
        (b"<html><body>hello</body></html>", "unsupported_image"),
        (b"%PDF-1.7 nothing", "unsupported_image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unsupported_image"),
        (b"GIF89a", "unsupported_image"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 200, "unsupported_image"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "unsupported_image"),
        (b"x" * (MAX_BYTES + 1), "image_too_large"),
        (picture(400, 300)[:-900], "invalid_image"),
        (picture(400, 300, "JPEG")[:-900], "invalid_image"),
        (picture(60, 60, "BMP"), "unsupported_image"),
        (picture(60, 60, "TIFF"), "unsupported_image"),
        (picture(60, 60, "ICO"), "unsupported_image"),
    ],
)
def test_what_is_not_taken_says_why(data: bytes, code: str) -> None:
    with pytest.raises(NoPicture) as refused:
        rules.render(data)
    assert refused.value.code == code
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_what_moves_is_refused(kind: str) -> None:
    frames = [Image.new("RGB", (50, 50), colour) for colour in ("red", "green")]
    with pytest.raises(NoPicture) as refused:
        rules.render(encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100))
    assert refused.value.code == "animated_image"


def bomb(width: int, height: int) -> bytes:
    """A PNG of some kilobytes that claims, and would decode to, a great many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x01\x00\x00\x00\x00"
    rows = zlib.compress(bytes((width // 8 + 1) * min(height, 2000)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(8000, 8000), (20_000, 20_000), (60_000, 100), (2**31 - 1, 1)])
def test_a_bomb_is_refused_by_its_head(size: tuple[int, int]) -> None:
    with pytest.raises(NoPicture) as refused:
        rules.render(bomb(*size))
    assert refused.value.code in ("image_too_large", "invalid_image", "unsupported_image")


PEAK = """
import re, resource, sys
from merx.core.media import rules
rules.render(sys.stdin.buffer.read())
if sys.platform == "linux":
    print(int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) << 10)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_the_largest_picture_fits_into_bounded_memory() -> None:
    """50 million pixels, in a process of its own: 200 MB for its pixels, as much again while they change, no more.

    Linux keeps in `ru_maxrss` what the process that started this one had, so the peak is read elsewhere there."""
    data = encoded(Image.new("RGBA", (7071, 7071), (1, 2, 3, 4)), "PNG")
    environ = {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    command = [sys.executable, "-c", PEAK]
    ran = subprocess.run(command, input=data, capture_output=True, env=environ, check=True)
    assert 200 << 20 < int(ran.stdout) < 600 << 20


def test_the_other_sizes_follow_from_any_of_them() -> None:
    base = "/media/01a1fd2f-bc6a-77a7-a093-d8ee9e07c34a/0123456789abcdef0123456789abcdef"
    for before in ("", "https://shop.example.com"):
        assert sized(f"{before}{base}-960.webp") == {size: f"{before}{base}-{size}.webp" for size in SIZES}
    assert sized("https://cdn.example.com/lamp.png") == sized(f"{base}-77.webp") == sized(f"{base}-960.webp?x") == {}
