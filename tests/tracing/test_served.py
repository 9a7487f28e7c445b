"""Server processes with and without traces: what they load, what they hand over when they end, what they refuse."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.ports import free_port
from tests.tracing.collector import Collector, collecting

ROOT = Path(__file__).parent.parent.parent
QUIET = {"OTEL_BSP_SCHEDULE_DELAY": "600000"}
"""Nothing is handed over but at the end."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


class Served:
    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.port = free_port()
        folder.chmod(0o711)
        self.log = folder / "serve.log"
        given = {"PYTHONPATH": "src", "MERX_DATA_DIR": str(folder / "data"), "MERX_PORT": str(self.port)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.tracing.peeking"],
                cwd=ROOT, env=os.environ | given | environ, stdout=log, stderr=log,
            )  # fmt: skip
        until = time.monotonic() + 60
        while not self._ready():
            assert self.process.poll() is None and time.monotonic() < until, self.log.read_text()[-3000:]
            time.sleep(0.05)

    def _ready(self) -> bool:
        try:
            return self.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def get(self, path: str) -> httpx.Response:
        """Over a connection of its own, so that it may reach any of the processes."""
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=10)

    def stop(self) -> float:
        """How long it took."""
        told = time.monotonic()
        self.process.terminate()
        assert self.process.wait(40) == 0, self.log.read_text()[-3000:]
        return time.monotonic() - told


Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    started: list[Served] = []
    with tempfile.TemporaryDirectory(prefix="merx-traced-") as folder:

        def begin(**environ: str) -> Served:
            started.append(Served(Path(folder), environ))
            return started[-1]

        yield begin
        for one in started:
            if one.process.poll() is None:
                one.process.terminate()
            one.process.wait(40)


@pytest.mark.slow
def test_without_traces_nothing_of_it_is_loaded(serve: Serve) -> None:
    served = serve(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")  # which is no switch of ours
    assert served.get("/peek").text.split()[1:] == ["False", "True"]
    assert "trace_id" not in served.log.read_text()


@pytest.mark.slow
def test_each_process_hands_over_its_own_when_it_ends(serve: Serve, collector: Collector) -> None:
    served = serve(MERX_TRACING="1", MERX_WORKERS="2", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **QUIET)
    pids = set()
    while len(pids) < 2:
        pids.add(served.get("/peek").text)
    assert {tuple(one.split()[1:]) for one in pids} == {("True", "False")}
    for _ in range(40):
        assert served.get("/livez").status_code == 200
    assert not collector.spans
    served.stop()
    lives = [one for one in collector.spans if one.name == "GET /livez"]
    assert len(lives) == 40
    assert len({one.resource["service.instance.id"] for one in lives}) == 2
    assert all(one.trace in served.log.read_text() for one in lives)


@pytest.mark.slow
def test_a_collector_that_is_away_holds_up_nothing(serve: Serve) -> None:
    with socket.socket() as silent:  # takes connections, and never says a word
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        served = serve(
            MERX_TRACING="1", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}", **QUIET
        )
        assert served.get("/livez").status_code == 200
        assert served.stop() < 12


@pytest.mark.slow
def test_the_sdk_can_be_told_to_be_off(serve: Serve, collector: Collector) -> None:
    served = serve(MERX_TRACING="1", OTEL_SDK_DISABLED="true", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert served.get("/peek").text.split()[2] == "True"  # the short way is open
    served.stop()
    assert not collector.spans


def refused(**environ: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", "merx.cli", "serve"],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": "src"} | environ, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 2 and ended.stdout == ""
    return ended.stderr


def test_a_missing_extra_is_one_sentence(tmp_path: Path) -> None:
    empty = tmp_path / "opentelemetry"  # stands before the real one, and has nothing of it
    empty.mkdir()
    (empty / "__init__.py").touch()
    said = refused(MERX_TRACING="1", PYTHONPATH=f"{tmp_path}{os.pathsep}src")
    assert said == (
        "merx: MERX_TRACING needs OpenTelemetry, which is not installed here: make otel, or pip install 'merx[otel]'.\n"
    )


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER must be otlp, console or none"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf"),
    ],
)
def test_what_is_not_spoken_is_refused(environ: dict[str, str], said: str) -> None:
    assert refused(MERX_TRACING="1", **environ).startswith(f"merx: {said}")
