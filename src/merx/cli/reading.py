"""The settings of a command, and what a person should know about the variables they came from."""

from __future__ import annotations

import sys

from merx.settings import Settings, load, strangers


def settings() -> Settings:
    """Raises WrongSetting. What is no setting is told first: a misspelled one may be why something is missing."""
    for sentence in strangers():
        sys.stderr.write(f"merx: {sentence}\n")
    return load()
