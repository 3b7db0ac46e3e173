import pytest
from cryptography.fernet import Fernet

from shared.errors import UndecryptableSecret
from shared.secrets import SecretBox
from shared.tables import Model

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_a_secret_comes_back_from_its_own_place() -> None:
    box, model = SecretBox([NEW]), Model(id=1)
    box.put(model, "api_key", "sk-secret")
    assert "sk-secret" not in str(model.api_key_encrypted)
    assert box.get(model, "api_key") == "sk-secret"
    assert box.get(model, "hf_token") is None
    box.put(model, "api_key", None)
    assert box.get(model, "api_key") is None


def test_a_secret_copied_to_another_model_or_field_does_not_decrypt() -> None:
    box, model = SecretBox([NEW]), Model(id=1)
    box.put(model, "api_key", "sk-secret")
    with pytest.raises(UndecryptableSecret):
        box.get(Model(id=2, api_key_encrypted=model.api_key_encrypted), "api_key")
    with pytest.raises(UndecryptableSecret):
        box.get(Model(id=1, hf_token_encrypted=model.api_key_encrypted), "hf_token")


def test_the_first_key_encrypts_and_all_keys_decrypt() -> None:
    model = Model(id=1)
    SecretBox([OLD]).put(model, "api_key", "sk-secret")
    assert SecretBox([NEW, OLD]).get(model, "api_key") == "sk-secret"
    with pytest.raises(UndecryptableSecret):
        SecretBox([NEW]).get(model, "api_key")
