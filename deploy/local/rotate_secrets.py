"""`make rotate-secrets`: shared/rotation.py, which also finds the Postgres of a running `make run`."""

import sys

from pydantic import SecretStr

from deploy.local.postgres import EmbeddedPostgres
from shared import rotation
from shared.settings import Settings, SettingsError


def main() -> None:
    """The command."""
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        sys.exit(f"The secrets can't be rotated:\n{error}")
    if settings.database_url is None:
        postgres = EmbeddedPostgres(settings.data_dir.expanduser().absolute())
        postgres.find()
        settings = settings.model_copy(update={"database_url": SecretStr(postgres.url)})
    rotation.main(settings)


if __name__ == "__main__":
    main()
