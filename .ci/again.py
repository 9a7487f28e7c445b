"""Runs the tests that have just failed once more, without neighbours, three times each: `python .ci/again.py`.

What CI runs on is shared with strangers, and four thousand tests wait for clocks, ports and processes. A test that
fails among its neighbours and then passes three times in a row is named and let pass; one that fails again, and more
than a few that fail at once, are a failure (docs/adr/0027-failing-by-chance.md)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

MOST, TIMES = 3, 3
NOTES = Path(".pytest_cache/v")
TESTS_FAILED = 1  # pytest's own word for a run that came to its end, with failures


def noted(name: str) -> Any:
    """What pytest left there; None where it did not get so far."""
    path = NOTES / name
    return json.loads(path.read_text()) if path.exists() else None


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    names = sorted(noted("cache/lastfailed") or ())
    if noted("merx/exitstatus") != TESTS_FAILED or not 0 < len(names) <= MOST:
        say(f"The run was cut short, or too much failed ({len(names)} noted): that is not run again.")
        return 1
    for turn in range(1, TIMES + 1):
        say(f"Once more, alone ({turn} of {TIMES}): {', '.join(names)}")
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *names]
        if subprocess.run(command, check=False).returncode:  # noqa: S603 (pytest, on names that pytest wrote)
            return 1
    say(f"FAILED BY CHANCE, and passed {TIMES} times alone: {', '.join(names)}. Mend what they wait for.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
