"""`make compose-secrets`: make the files of ./secrets that docker-compose.yml mounts, those that are missing.

Standard library only: it runs before anything is built. It never replaces a file, since data is encrypted
with one and a database opens with another.
"""

import base64
import os
import secrets
import sys
from pathlib import Path
from urllib.parse import quote


def main(folder: Path) -> None:
    """The command."""
    # Compose mounts each file as it is, with its owner and mode, and the services are another user: so the
    # files are for everybody, in a folder that is for nobody else.
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    password = _kept(folder / "POSTGRES_PASSWORD", secrets.token_urlsafe(24))
    _kept(
        folder / "DATABASE_URL", f"postgresql://weighbridge:{quote(password, safe='')}@postgres/weighbridge"
    )
    configuration = _kept(folder / "VALKEY_CONF", f"requirepass {secrets.token_urlsafe(24)}")
    password = configuration.removeprefix("requirepass ")
    _kept(folder / "REDIS_URL", f"redis://:{quote(password, safe='')}@valkey:6379/0")
    _kept(folder / "WEIGHBRIDGE_SECRET_KEYS", base64.urlsafe_b64encode(os.urandom(32)).decode())
    _kept(folder / "WEIGHBRIDGE_ADMIN_TOKEN", f"wb_{secrets.token_urlsafe(24)}")
    # Empty files are no secrets: write yours into them, for gated models and for single sign-on.
    for name in ("HF_TOKEN", "WEIGHBRIDGE_OIDC_CLIENT_SECRET"):
        _kept(folder / name, "")


def _kept(path: Path, value: str) -> str:
    """What the file says; made with this value if there is none. Whole or not at all."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.new")
        draft.write_text(f"{value}\n")
        draft.chmod(0o444)
        draft.rename(path)
        print(f"made {path}")
    return path.read_text().strip()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "secrets"))
