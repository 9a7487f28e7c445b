"""The command `merx`. `main` is its entry point: what goes wrong is one line on stderr, and the exit code says whether
the work failed (1) or the command and its settings were not what they should be (2)."""

from __future__ import annotations

import errno
import io
import os
import sys


def main() -> None:
    _open_streams()
    for stream in (sys.stdout, sys.stderr):  # a terminal that has no such letter is no reason to stop
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # it was still importing
        code = 130
    sys.exit(code)


def _open_streams() -> None:
    """A stream that whoever started us has closed leads nowhere, and its descriptor is nobody else's."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # the lowest descriptor that is free is the one that was closed
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


def run(arguments: list[str]) -> int:
    """The exit code. Only what is nobody's mistake but ours leaves a traceback."""
    from typer import Abort, TyperException

    from merx.cli.commands import command
    from merx.kernel.errors import Kind, MerxError
    from merx.settings import CannotStart, WrongSetting

    try:
        answered = command().main(arguments, prog_name="merx", standalone_mode=False)
        sys.stdout.flush()
        return answered if isinstance(answered, int) else 0
    except TyperException as wrong:
        usage = _usage(wrong)
        return _say(usage, 2) if usage else 2
    except CannotStart as wrong:
        return _say(str(wrong), 1)
    except WrongSetting as wrong:
        return _say(str(wrong), 2)
    except MerxError as wrong:
        return _say(wrong.message, 2 if wrong.kind in (Kind.INVALID, Kind.NOT_FOUND) else 1)
    except BrokenPipeError:  # whoever read our output has seen enough
        _stop_writing()
        return 1
    except OSError as wrong:
        if wrong.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        _stop_writing()
        return _say(f"Not everything could be written: {wrong.strerror}.", 1)
    except (KeyboardInterrupt, Abort):
        return 130


def _stop_writing() -> None:
    """Python would try once more to write what is left, and complain, when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(what: str, code: int) -> int:
    print("merx:", " ".join(what.split()), file=sys.stderr)  # noqa: T201
    return code


def _usage(wrong: Exception) -> str:
    """Typer's own sentence, and where to read more; nothing where the help itself was shown."""
    said = str(wrong.format_message()) if hasattr(wrong, "format_message") else str(wrong)
    context = getattr(wrong, "ctx", None)
    return f"{said.rstrip('.')}. Try: {context.command_path if context else 'merx'} --help" if said.strip() else ""
