"""Secrets at rest: encrypted with the keys of WEIGHBRIDGE_SECRET_KEYS, bound to their model and field."""

import json
from collections.abc import Sequence
from typing import Literal

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.errors import UndecryptableSecret
from shared.settings import Settings, fernet_keys
from shared.tables import Model

SecretField = Literal["api_key", "hf_token"]
SECRET_FIELDS: tuple[SecretField, ...] = ("api_key", "hf_token")


def column_of(field: SecretField) -> str:
    """Where a model's row keeps the secret."""
    return f"{field}_encrypted"


class SecretBox:
    """Encrypts and decrypts the secrets of models; never shows a key or a secret in its repr."""

    def __init__(self, keys: Sequence[str]) -> None:
        """`keys`: Fernet keys; the first encrypts, all of them decrypt."""
        self._first = Fernet(keys[0])
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    @classmethod
    def from_settings(cls, settings: Settings) -> "SecretBox":
        """The box for the keys of the settings."""
        return cls(fernet_keys(settings.secret_keys))

    def put(self, model: Model, field: SecretField, value: str | None) -> None:
        """Encrypt `value` into the model's row; None removes it. The row must have its id."""
        setattr(model, column_of(field), None if value is None else self._encrypt(model.id, field, value))

    def get(self, model: Model, field: SecretField) -> str | None:
        """The secret in clear, None when there is none. Raises UndecryptableSecret."""
        token = getattr(model, column_of(field))
        return None if token is None else self._decrypt(model.id, field, token)

    def problem(self, model: Model) -> UndecryptableSecret | None:
        """Why a secret of this model can't be read; None: all can."""
        for field in SECRET_FIELDS:
            try:
                self.get(model, field)
            except UndecryptableSecret as error:
                return error
        return None

    def rotated(self, model: Model, field: SecretField) -> str:
        """The stored secret under the first key; as it is, if it is already. Raises UndecryptableSecret."""
        token: str = getattr(model, column_of(field))
        self._decrypt(model.id, field, token)
        try:
            self._first.decrypt(token.encode())
        except InvalidToken:
            return self._fernet.rotate(token.encode()).decode()
        return token

    def seal(self, text: str) -> str:
        """Encrypt something that is kept for a while and belongs to no model."""
        return self._fernet.encrypt(text.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """What was sealed. Raises UndecryptableSecret."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise UndecryptableSecret() from None

    def _encrypt(self, model_id: int, field: str, value: str) -> str:
        # Bound to its place, so that a token copied to another row or field does not decrypt there.
        return self._fernet.encrypt(json.dumps([model_id, field, value]).encode()).decode()

    def _decrypt(self, model_id: int, field: str, token: str) -> str:
        try:
            found_id, found_field, value = json.loads(self._fernet.decrypt(token.encode()))
        except (InvalidToken, ValueError):
            raise UndecryptableSecret() from None
        if (found_id, found_field) != (model_id, field):
            raise UndecryptableSecret("A stored secret belongs to another model or field.")
        return str(value)
