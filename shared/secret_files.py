"""Settings that stand in files: a container gets its secrets mounted as a folder, one file for each.

In a file a secret is neither in the environment, which every child inherits and `docker inspect` shows, nor
in a command line.
"""

from errno import EILSEQ
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import SecretsSettingsSource, SettingsError


class SecretFiles(SecretsSettingsSource):
    """The files of the folder that the sources before this one name, each called as its setting.

    They count less than the environment. A line end behind the value is no part of it, and an empty file is
    none. Raises OSError where a file can't be read.
    """

    folder_setting = "WEIGHBRIDGE_SECRETS_DIR"

    def __call__(self) -> dict[str, Any]:
        """What the files say; nothing without a folder (that there is none, its own validator says)."""
        folder = self.current_state.get(self.folder_setting)
        self.secrets_dir = folder if folder and Path(folder).expanduser().is_dir() else None
        try:
            return super().__call__()
        except SettingsError as error:  # around whatever happened with a file
            raise error.__cause__ or error from None

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The value in the file of this setting, its name, and whether it is to be parsed as JSON."""
        try:
            value, key, is_complex = super().get_field_value(field, field_name)
        except UnicodeDecodeError:  # its text would show the bytes
            raise OSError(EILSEQ, "it is not text", field.validation_alias) from None
        return value or None, key, is_complex


def secret_in(path: Path) -> SecretStr | None:
    """The secret that a file holds; None: there is no such file. Raises OSError."""
    return SecretStr(path.read_text().strip()) if path.is_file() else None
