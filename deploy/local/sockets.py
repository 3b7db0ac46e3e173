"""Folders for unix sockets: short, closed to others, and the same at each start of the same data dir."""

import os
import tempfile
from hashlib import sha256
from pathlib import Path

from deploy.local.accounts import Account, make_folder
from deploy.local.process import CannotStart

# macOS allows 104 bytes for a socket's path with its closing zero byte; this leaves room for the file name.
_LONGEST_FOLDER = 80


def socket_folder(data_dir: Path, server: str, account: Account | None = None) -> Path:
    """The folder of one server's socket, made if needed, for nobody but `account` (or ourselves)."""
    name = f"weighbridge-{sha256(os.fsencode(data_dir.resolve())).hexdigest()[:12]}-{server}"
    folder = _parent(name, account) / name
    try:
        make_folder(folder, account)
    except FileExistsError:
        _check_is_ours(folder, account)
    return folder


def _parent(name: str, account: Account | None) -> Path:
    """The system's folder for temporary files; /tmp where that is too long or perhaps root's alone."""
    parent = Path(tempfile.gettempdir())
    is_short = len(os.fsencode(parent / name)) <= _LONGEST_FOLDER
    return parent if is_short and account is None else Path("/tmp")


def _check_is_ours(folder: Path, account: Account | None) -> None:
    """Anybody may make folders in /tmp, so one that somebody else made is never used."""
    found = folder.lstat()
    if account and found.st_uid == 0 and folder.is_dir() and not folder.is_symlink():
        os.chown(folder, account.uid, account.gid)
        found = folder.lstat()
    owner = account.uid if account else os.geteuid()
    if folder.is_symlink() or not folder.is_dir() or found.st_uid != owner:
        raise CannotStart(f"{folder} belongs to somebody else. Remove it, or set TMPDIR to another folder.")
    folder.chmod(0o700)
