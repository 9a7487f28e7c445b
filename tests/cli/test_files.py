"""Products in from files and out to them: all of a file or nothing, and what goes out comes in again."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.cli.conftest import Merx

from merx.core.catalog import service as catalog
from merx.core.catalog.model import Product, ProductQuery
from merx.core.tenants import store as tenants
from merx.kernel.context import system
from merx.runtime import Runtime

SAMPLES = Path(__file__).parent.parent.parent / "docs" / "howto"


@pytest.fixture
async def slug(merx: Merx) -> str:
    made = f"files-{os.urandom(5).hex()}"
    assert (await merx("tenants", "create", "Files", "--slug", made)).code == 0
    return made


async def products(rt: Runtime, slug: str) -> dict[str, Product]:
    tenant = await tenants.by_slug(rt.db, slug)
    assert tenant is not None
    page = await catalog.list_products(rt, system(tenant.id, "tests"), ProductQuery(active=None, limit=1000))
    return {product.name: product for product in page.items}


def said(product: Product) -> tuple[object, ...]:
    return (
        product.name,
        product.description,
        product.active,
        sorted(category.name for category in product.categories),
        [(image.url, image.alt) for image in product.images],
        [
            (v.sku, v.options, v.price.text(), v.compare_price and v.compare_price.text(), v.available)
            for v in product.variants
        ],
    )


@pytest.mark.parametrize("name", ["sample-products.csv", "sample-products.jsonl"])
async def test_the_samples_of_the_documentation(merx: Merx, rt: Runtime, slug: str, name: str) -> None:
    answered = await merx("import", str(SAMPLES / name), "--tenant", slug)
    assert (answered.code, answered.out) == (0, f"{slug}: 3 products made, 0 changed.\n"), answered.err
    found = await products(rt, slug)
    mug, apron, board = found["Enamel Mug"], found["Linen Apron"], found["Oak Board"]
    assert (mug.sku, mug.price.text(), mug.available, mug.images[0].alt) == (
        "MUG-01",
        "14.50",
        40,
        "Enamel mug in white",
    )
    assert [(v.sku, v.title, v.price.text(), v.available) for v in apron.variants] == [
        ("APR-S-INK", "S / Ink", "39.00", 6),
        ("APR-M-INK", "M / Ink", "39.00", 9),
        ("APR-M-SAND", "M / Sand", "41.00", 0),
    ]
    assert apron.variants[0].compare_price is not None and apron.variants[2].compare_price is None
    assert {category.name for category in apron.categories} == {"Textiles", "Gifts"}
    assert not board.active and board.available == 12
    again = await merx("import", str(SAMPLES / name), "--tenant", slug)
    assert (again.code, again.out) == (0, f"{slug}: 0 products made, 3 changed.\n")
    assert {name: said(product) for name, product in (await products(rt, slug)).items()} == {
        name: said(product) for name, product in found.items()
    }


async def test_the_samples_say_the_same(merx: Merx, rt: Runtime, slug: str) -> None:
    assert (await merx("import", str(SAMPLES / "sample-products.csv"), "--tenant", slug)).code == 0
    assert (await merx("tenants", "create", "Other", "--slug", f"{slug}-b")).code == 0
    assert (await merx("import", str(SAMPLES / "sample-products.jsonl"), "--tenant", f"{slug}-b")).code == 0
    one, other = await products(rt, slug), await products(rt, f"{slug}-b")
    assert sorted(map(said, one.values()), key=str) == sorted(map(said, other.values()), key=str)


async def test_with_one_bad_row_nothing_is_written(merx: Merx, rt: Runtime, slug: str, tmp_path: Path) -> None:
    file = tmp_path / "goods.csv"
    file.write_text(
        "name,sku,price,stock_quantity,categories\n"
        "Good,G-1,1.00,5,New category\n"
        '"Two\nlines",G-2,2.00,5,\n'
        "Bad price,B-1,1.005,5,\n"
        "Good too,G-3,3.00,5,\n"
        ",B-2,4.00,5,\n"
        "Bad stock,B-3,4.00,-1,\n"
        "Twice,G-1,4.00,1,\n"
    )
    answered = await merx("import", str(file), "--tenant", slug)
    assert answered.code == 1 and answered.out == ""
    lines = answered.err.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["line 5", "line 7", "line 8", "line 9", "merx"]
    assert [line.split(": ")[1] for line in lines[:4]] == ["price", "name", "stock_quantity", "sku"]
    assert lines[-1] == "merx: Nothing was imported: 4 rows are wrong."
    assert await products(rt, slug) == {}
    tenant = await tenants.by_slug(rt.db, slug)
    assert tenant is not None
    assert (await catalog.list_categories(rt, system(tenant.id, "tests"))).items == ()


async def test_bad_json_lines_are_named(merx: Merx, rt: Runtime, slug: str, tmp_path: Path) -> None:
    file = tmp_path / "goods.jsonl"
    file.write_text('{"name": "Good", "price": 1}\n\n{"name": "Cut off\n[1]\n{"name": "X", "price": 1, "colour": 2}\n')
    answered = await merx("import", str(file), "--tenant", slug)
    assert answered.code == 1
    assert [line.partition(":")[0] for line in answered.err.splitlines()] == ["line 3", "line 4", "line 5", "merx"]
    assert await products(rt, slug) == {}


async def test_a_dry_run_writes_nothing(merx: Merx, rt: Runtime, slug: str) -> None:
    answered = await merx("import", str(SAMPLES / "sample-products.csv"), "--tenant", slug, "--dry-run")
    assert (answered.code, answered.out) == (0, f"{slug}: 3 products would be made, 0 would be changed.\n")
    assert await products(rt, slug) == {}


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
async def test_what_goes_out_comes_in_again(merx: Merx, rt: Runtime, slug: str, tmp_path: Path, format_: str) -> None:
    file = tmp_path / f"goods.{format_}"
    assert (await merx("import", str(SAMPLES / "sample-products.csv"), "--tenant", slug)).code == 0
    odd = tmp_path / "odd.jsonl"
    odd.write_text('{"name": "=1+1", "description": "@cmd, \\"quoted\\"\\nand two lines; ünïcode", "price": "0.10"}\n')
    assert (await merx("import", str(odd), "--tenant", slug)).code == 0
    out = await merx("export", str(file), "--tenant", slug)
    assert out.code == 0 and out.out == "" and str(file) in out.err
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    to_stdout = await merx("export", "--tenant", slug, "--format", format_)
    assert to_stdout.out == file.read_bytes().decode()
    if format_ == "csv":
        assert "'=1+1" in to_stdout.out and "'@cmd" in to_stdout.out
    assert (await merx("tenants", "create", "Other", "--slug", f"{slug}-b")).code == 0
    assert (await merx("import", str(file), "--tenant", f"{slug}-b")).out == f"{slug}-b: 4 products made, 0 changed.\n"
    one, other = await products(rt, slug), await products(rt, f"{slug}-b")
    assert sorted(map(said, one.values()), key=str) == sorted(map(said, other.values()), key=str)
    assert (await merx("import", str(file), "--tenant", slug)).out == f"{slug}: 0 products made, 4 changed.\n"


async def test_from_standard_input(merx: Merx, rt: Runtime, slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"\xef\xbb\xbfname,price\nPiped,2.50\n")))
    unnamed = await merx("import", "-", "--tenant", slug)
    assert unnamed.code == 2 and "--format csv" in unnamed.err
    answered = await merx("import", "-", "--tenant", slug, "--format", "csv")
    assert answered.code == 0, answered.err
    assert (await products(rt, slug))["Piped"].price.text() == "2.50"


async def test_what_is_no_text(merx: Merx, rt: Runtime, slug: str, tmp_path: Path) -> None:
    file = tmp_path / "goods.csv"
    file.write_bytes("name,price\nGood,1.00\nCafé,2.00\n".encode("latin-1"))
    answered = await merx("import", str(file), "--tenant", slug)
    assert answered.code == 1 and "line 3 is not UTF-8 text" in answered.err and answered.err.count("\n") == 1
    assert await products(rt, slug) == {}


async def test_an_unknown_column_is_named(merx: Merx, slug: str, tmp_path: Path) -> None:
    file = tmp_path / "goods.csv"
    file.write_text("name,price,colour\nGood,1.00,red\n")
    answered = await merx("import", str(file), "--tenant", slug)
    assert answered.code == 1 and "colour" in answered.err.splitlines()[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "line 1: The file is empty; its first line names the columns: slug, name,"),
        (b"\r\n\r\n", "line 1: The file is empty;"),
        (b"name;price\nGood;1,00\n", "line 1: Cells have commas between them, and here it is semicolons:"),
        (b"name\tprice\nGood\t1.00\n", "line 1: Cells have commas between them, and here it is tabs:"),
        (b"name,price\rGood,1.00\r", "line 1: This line ends with a carriage return alone:"),
    ],
)
async def test_what_is_no_csv_is_told_how_to_become_one(
    merx: Merx, rt: Runtime, slug: str, tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "goods.csv"
    file.write_bytes(content)
    answered = await merx("import", str(file), "--tenant", slug)
    assert answered.code == 1 and answered.err.startswith(said), answered.err
    assert answered.err.splitlines()[1:] == ["merx: Nothing was imported: 1 row is wrong."]
    assert await products(rt, slug) == {}


async def test_an_empty_shop_goes_out_and_comes_in(merx: Merx, slug: str, tmp_path: Path) -> None:
    for name in ("nothing.csv", "nothing.jsonl"):
        assert (await merx("export", str(tmp_path / name), "--tenant", slug)).code == 0
        answered = await merx("import", str(tmp_path / name), "--tenant", slug)
        assert (answered.code, answered.out) == (0, f"{slug}: 0 products made, 0 changed.\n")


async def test_from_a_pipe_that_has_a_name(merx: Merx, rt: Runtime, slug: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    writing = asyncio.to_thread(pipe.write_text, "name,price\nPiped,2.50\n")
    answered, _ = await asyncio.gather(merx("import", str(pipe), "--tenant", slug), writing)
    assert (answered.code, answered.out) == (0, f"{slug}: 1 product made, 0 changed.\n"), answered.err
    assert set(await products(rt, slug)) == {"Piped"}


async def test_a_folder_is_no_file(merx: Merx, slug: str, tmp_path: Path) -> None:
    answered = await merx("import", str(tmp_path), "--tenant", slug, "--format", "csv")
    assert answered.code == 2 and "is a folder" in answered.err and answered.err.count("\n") == 1


async def test_a_folder_that_is_not_there(merx: Merx, slug: str, tmp_path: Path) -> None:
    answered = await merx("export", str(tmp_path / "missing" / "goods.csv"), "--tenant", slug)
    assert answered.code == 1 and "can't be written" in answered.err and answered.err.count("\n") == 1


async def test_what_is_no_file_is_written_to_and_not_replaced(merx: Merx, slug: str, tmp_path: Path) -> None:
    assert (await merx("import", str(SAMPLES / "sample-products.csv"), "--tenant", slug)).code == 0
    pipe, link, kept = tmp_path / "pipe.csv", tmp_path / "link.csv", tmp_path / "kept.csv"
    os.mkfifo(pipe)
    kept.write_text("")
    link.symlink_to(kept)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert (await merx("export", str(pipe), "--tenant", slug)).code == 0
        assert pipe.is_fifo() and os.read(reader, 1 << 16).startswith(b"slug,name,")
    finally:
        os.close(reader)
    assert (await merx("export", str(link), "--tenant", slug)).code == 0
    assert link.is_symlink() and kept.read_text().startswith("slug,name,")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.csv", "link.csv", "pipe.csv"]


async def test_an_export_is_utf_8_wherever_it_goes(merx: Merx, slug: str, tmp_path: Path) -> None:
    file = tmp_path / "goods.csv"
    file.write_text("name,price\nΚούπα,1\n", encoding="utf-8")
    assert (await merx("import", str(file), "--tenant", slug)).code == 0
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "merx.cli", "export", "--tenant", slug,
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0 and ",Κούπα,".encode() in out


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no full device here")
async def test_no_room_for_the_answer_is_one_line(merx: Merx, slug: str, tmp_path: Path) -> None:
    (tmp_path / "full.csv").symlink_to("/dev/full")
    answered = await merx("export", str(tmp_path / "full.csv"), "--tenant", slug)
    assert answered.code == 1 and "can't be written" in answered.err and answered.err.count("\n") == 1
    assert Path("/dev/full").is_char_device()
    for command in (["export", "--tenant", slug], ["tenants", "list"], ["--version"]):
        with Path("/dev/full").open("w") as full:
            merx_process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "merx.cli", *command, stdout=full, stderr=asyncio.subprocess.PIPE
            )
            _, err = await merx_process.communicate()
        assert merx_process.returncode == 1
        assert err.decode() == "merx: Not everything could be written: No space left on device.\n"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("twice.csv", "name,price,Name\nA,1,B\n", "line 1: There are two columns name; leave one out."),
        (
            "twice.jsonl",
            '{"name": "A", "price": 1, "price": 2}\n',
            "line 1: The field price appears twice in one object.",
        ),
        (
            "inside.jsonl",
            '{"name": "A", "variants": [{"price": 1, "price": 2}]}\n',
            "line 1: The field price appears twice in one object.",
        ),
    ],
)
async def test_what_is_said_twice_is_not_guessed(
    merx: Merx, rt: Runtime, slug: str, tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text)
    answered = await merx("import", str(tmp_path / name), "--tenant", slug)
    assert (answered.code, answered.err.splitlines()[0]) == (1, said)
    assert await products(rt, slug) == {}
