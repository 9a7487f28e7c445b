"""Writes requirements.lock (what Merx runs with) and requirements-dev.lock (what its tests and checks need beside it,
the extras among it) from what is installed: exact versions of everything that pyproject.toml asks for, directly or
through another."""

from __future__ import annotations

import sys
import tomllib
from collections import deque
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent


def closure(wanted: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    todo = deque((requirement, "") for requirement in map(Requirement, wanted))
    while todo:
        requirement, extra = todo.popleft()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        found[name] = metadata.version(name)
        for inner in ("", *requirement.extras):
            if (name, inner) not in seen:
                seen.add((name, inner))
                todo.extend((Requirement(needed), inner) for needed in metadata.requires(name) or [])
    return found


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = closure([*project["project"]["dependencies"], *project["build-system"]["requires"]])
    extras = [needed for extra in project["project"]["optional-dependencies"].values() for needed in extra]
    everything = runtime | closure([*project["dependency-groups"]["dev"], *extras])
    dev = {name: version for name, version in everything.items() if name not in runtime}
    for file, packages in (("requirements.lock", runtime), ("requirements-dev.lock", dev)):
        lines = [f"{name}=={version}\n" for name, version in sorted(packages.items())]
        (ROOT / file).write_text("".join(lines))
    installed = {canonicalize_name(found.metadata["Name"]) for found in metadata.distributions()}
    if spare := sorted(installed - everything.keys() - {"pip", "merx"}):
        sys.stderr.write(f"Installed, but nothing asks for it: {', '.join(spare)}\n")


if __name__ == "__main__":
    main()
