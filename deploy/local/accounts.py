"""Which account the embedded Postgres runs as, and whether that account can use its programs.

Postgres refuses to run as root, so root lends it another account. Everybody else runs it as themselves.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from deploy.local.process import CannotStart


@dataclass(frozen=True)
class Account:
    """Somebody else that root starts a program as."""

    uid: int
    gid: int

    def popen_options(self) -> dict[str, Any]:
        """What makes subprocess change to this account; the empty list drops root's own groups."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def account_for(folder: Path) -> Account | None:
    """The account that owns `folder`; for a new one `postgres` or `nobody`. None: no change of account.

    initdb wants an account with an entry in the password file, hence one of those two for a new folder.
    """
    if os.geteuid() != 0:
        return None
    if folder.is_dir() and (owner := folder.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    return _service_account()


def make_folder(folder: Path, account: Account | None) -> None:
    """Make `folder`, closed to all but the one account that shall use it."""
    folder.mkdir(mode=0o700)
    if account:
        os.chown(folder, account.uid, account.gid)


def usable_programs(source: Path, libraries: Path, account: Account | None) -> Path:
    """The folder of Postgres' programs: `source`, or a copy where the account can't reach that.

    An environment under /root is closed to every other account, a common place in containers.
    """
    if account is None or _can_run(source, account):
        return source
    for copy in _places_for_a_copy(source):
        if (copy / "complete").exists() or _copy(source, libraries, copy):
            programs = copy / source.parent.name / source.name
            if _can_run(programs, account):
                return programs
    raise CannotStart(
        "As root, Weighbridge runs Postgres as another account (postgres or nobody), and that one can reach "
        f"neither {source} nor a copy in /var/cache or {tempfile.gettempdir()}. Start Weighbridge as a user "
        "other than root, or move it to a folder that others may enter, or set DATABASE_URL."
    )


def _service_account() -> Account:
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise CannotStart(
        "Postgres does not run as root, and this machine has no account named postgres or nobody to run it "
        "as. Add one, start Weighbridge as a user other than root, or set DATABASE_URL."
    )


def _can_run(programs: Path, account: Account) -> bool:
    """Tried rather than computed: modes, access lists and noexec mounts all have a say."""
    command = [str(programs / "bin" / "postgres"), "--version"]
    try:
        answer = subprocess.run(command, capture_output=True, cwd="/", **account.popen_options())
    except PermissionError:
        return False
    return answer.returncode == 0


def _places_for_a_copy(source: Path) -> Iterator[Path]:
    """/var/cache first, as /tmp is swept on many machines while the server still reads from its files."""
    stamp = (source / "bin" / "postgres").stat()
    name = sha256(f"{source} {stamp.st_size} {stamp.st_mtime_ns}".encode()).hexdigest()[:12]
    for parent in (Path("/var/cache"), Path(tempfile.gettempdir())):
        place = parent / f"weighbridge-postgres-{name}"
        if not place.exists() or place.lstat().st_uid == 0:
            yield place


def _copy(source: Path, libraries: Path, copy: Path) -> bool:
    """Copy programs and libraries side by side, as they find each other by that; whole or not at all."""
    try:
        draft = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=copy.parent))
        shutil.copytree(source, draft / source.parent.name / source.name, ignore=_headers, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        _open_for_all(draft)
        (draft / "complete").touch()
        shutil.rmtree(copy, ignore_errors=True)
        draft.rename(copy)
    except OSError:
        return False
    return True


_headers = shutil.ignore_patterns("include")


def _open_for_all(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
