"""The folder that holds everything of the one-machine stack: one launcher at a time, keys kept in it."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.fernet import Fernet

from deploy.local.process import CannotStart
from shared.settings import ADMIN_TOKEN_FILE, SECRET_KEYS_FILE, Settings


@contextmanager
def held(data_dir: Path) -> Iterator[None]:
    """Make the folder if needed and keep every other launcher out of it.

    The lock is on the folder itself and belongs to this process: it needs no file, and ends with us however
    we end.
    """
    _make(data_dir)
    descriptor = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor, data_dir)
        yield
    finally:
        os.close(descriptor)


def make_keys(settings: Settings) -> Settings:
    """The settings with the keys and the admin token that nobody gave: made once, then kept."""
    if not settings.secret_keys:
        _keep_secret(settings.data_dir / SECRET_KEYS_FILE, Fernet.generate_key().decode())
    if not settings.admin_token:
        _keep_secret(settings.data_dir / ADMIN_TOKEN_FILE, f"wb_{secrets.token_urlsafe(24)}")
    return settings.with_files()


def _make(data_dir: Path) -> None:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not any(data_dir.iterdir()):
            data_dir.chmod(0o700)  # one that has something in it may have been shared on purpose
    except OSError as error:
        raise CannotStart(
            f"The data folder {data_dir} can't be used: {error.strerror}. WEIGHBRIDGE_DATA_DIR sets another."
        ) from None


def _lock(descriptor: int, data_dir: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotStart(
            f"Another Weighbridge is running on {data_dir}. Stop it first, or start this one beside it with "
            "its own folder and port: WEIGHBRIDGE_DATA_DIR=… PORT=… make run"
        ) from None


def _keep_secret(path: Path, value: str) -> None:
    """Write it under another name first, so that no kill leaves half a key; 0600 from its first moment."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(value + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
