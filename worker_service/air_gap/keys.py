"""The pair of Ed25519 keys: the private one makes archives, the public one tells who made them."""

import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.errors import ArchiveUntrusted


class KeyProblem(Exception):
    """A key file can't be used; the message says why and holds nothing of it."""


def make(private: Path, public: Path) -> None:
    """Write a new pair, the private one for its owner only; nothing is overwritten. Raises KeyProblem."""
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(private, secret, 0o600)
    shown = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _write(public, shown, 0o644)


def private_key(path: Path) -> Ed25519PrivateKey:
    """The key that signs. Raises KeyProblem, also when others may read the file."""
    content = _read(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeyProblem(
            f"{path} can be read by others. If nobody has: chmod 600 {path}. Else make a new pair."
        )
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyProblem(f"{path} holds no private Ed25519 key in PEM form without a password.")
    return key


def public_key(path: Path) -> Ed25519PublicKey:
    """The key that archives are held against. Raises KeyProblem."""
    try:
        key = serialization.load_pem_public_key(_read(path))
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyProblem(f"{path} holds no public Ed25519 key in PEM form.")
    return key


def verify(key: Ed25519PublicKey, content: bytes, signature: bytes) -> None:
    """Raise ArchiveUntrusted unless the key's other half has signed exactly this."""
    try:
        key.verify(signature, content)
    except InvalidSignature:
        raise ArchiveUntrusted() from None


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        raise KeyProblem(f"{path} can't be made: {error.strerror}.") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyProblem(f"{path} can't be read: {error.strerror}.") from None
