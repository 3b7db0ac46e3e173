"""`python -m deploy.healthy`: whether the API of this container answers (exit code 0) or not (1)."""

import sys
from http.client import HTTPConnection, HTTPException

from shared.settings import Settings, SettingsError


def main() -> None:
    """The command."""
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        sys.exit(f"weighbridge: the settings can't be used\n{error}")
    if not answers(settings, "/healthz"):
        sys.exit(f"The API does not answer on port {settings.port}.")


def answers(settings: Settings, path: str) -> bool:
    """Whether the API says that all is well: /healthz of itself, /readyz of its databases too."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    connection = HTTPConnection(reachable, settings.port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    main()
