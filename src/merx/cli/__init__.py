"""The command `merx`. `main` is its entry point: what goes wrong is one line on stderr, and the exit code says whether
the work failed (1) or the command and its settings were not what they should be (2)."""

from __future__ import annotations

import os
import sys


def main() -> None:
    sys.exit(run(sys.argv[1:]))


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
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (KeyboardInterrupt, Abort):
        return 130


def _say(what: str, code: int) -> int:
    print("merx:", " ".join(what.split()), file=sys.stderr)  # noqa: T201
    return code


def _usage(wrong: Exception) -> str:
    """Typer's own sentence, and where to read more; nothing where the help itself was shown."""
    said = str(wrong.format_message()) if hasattr(wrong, "format_message") else str(wrong)
    context = getattr(wrong, "ctx", None)
    return f"{said.rstrip('.')}. Try: {context.command_path if context else 'merx'} --help" if said.strip() else ""
