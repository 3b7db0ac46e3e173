import re
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from shared.settings import Settings, SettingsError, fernet_keys, setting_names
from tests.conftest import ROOT


def test_every_wrong_setting_is_reported_at_once_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "PORT": "canary",
        "HF_ENDPOINT": "ftp://canary",
        "WEIGHBRIDGE_SECRET_KEYS": "canary",
        "DATABASE_URL": "mysql://canary",
        "REDIS_URL": "http://canary",
        "WEIGHBRIDGE_LOCAL_PATH_ROOTS": "canary/relative",
        "LOG_FORMAT": "canary",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        Settings.from_env()
    assert all(name in str(refused.value) for name in wrong)
    assert "canary" not in str(refused.value)


def test_a_schedule_that_is_none_stops_the_start_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_BANDWIDTH_SCHEDULE", "mon-fri 08:00-18:00 20MB; * canary")
    with pytest.raises(SettingsError) as refused:
        Settings.from_env()
    assert str(refused.value).startswith("WEIGHBRIDGE_BANDWIDTH_SCHEDULE: entry 2: a rate is `unlimited`")
    assert "\n" not in str(refused.value)
    assert "canary" not in str(refused.value)


def test_every_missing_setting_is_reported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_DATA_DIR", str(tmp_path))
    with pytest.raises(SettingsError) as refused:
        Settings.from_env(needs=("database_url", "redis_url", "secret_keys", "admin_token"))
    lines = str(refused.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "DATABASE_URL",
        "REDIS_URL",
        "WEIGHBRIDGE_SECRET_KEYS",
        "WEIGHBRIDGE_ADMIN_TOKEN",
    ]


def test_keys_and_token_are_found_in_the_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = Fernet.generate_key().decode()
    (tmp_path / "secret-keys").write_text(f"{key}\n")
    (tmp_path / "admin-token").write_text("wb_0123456789abcdef\n")
    monkeypatch.setenv("WEIGHBRIDGE_DATA_DIR", str(tmp_path))
    settings = Settings.from_env(needs=("secret_keys", "admin_token"))
    assert fernet_keys(settings.secret_keys) == [key]
    assert settings.admin_token is not None
    assert settings.admin_token.get_secret_value() == "wb_0123456789abcdef"
    assert key not in repr(settings) + str(settings)


def _secret_files(folder: Path, monkeypatch: pytest.MonkeyPatch, **files: str) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)
    monkeypatch.setenv("WEIGHBRIDGE_SECRETS_DIR", str(folder))


def test_secrets_come_from_files_without_their_line_end_and_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://u:canary@db/weighbridge"
    _secret_files(tmp_path, monkeypatch, DATABASE_URL=f"{url}\n", HF_TOKEN="\n")
    settings = Settings.from_env(needs=("database_url",))
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == url
    assert settings.hf_token is None, "an empty file is none"
    assert "canary" not in repr(settings) + str(settings)
    _secret_files(tmp_path, monkeypatch, DATABASE_URL="mysql://canary\n")
    with pytest.raises(SettingsError, match=r"^DATABASE_URL: must begin with postgresql://$"):
        Settings.from_env()


def test_the_environment_counts_more_than_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _secret_files(tmp_path, monkeypatch, HF_TOKEN="hf_file")
    monkeypatch.setenv("HF_TOKEN", "hf_environment")
    settings = Settings.from_env()
    assert settings.hf_token is not None
    assert settings.hf_token.get_secret_value() == "hf_environment"


def test_every_secret_may_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "DATABASE_URL": "postgresql://db",
        "REDIS_URL": "redis://redis",
        "WEIGHBRIDGE_SECRET_KEYS": Fernet.generate_key().decode(),
    }
    secrets = {
        str(field.validation_alias): name
        for name, field in Settings.model_fields.items()
        if field.annotation == SecretStr | None
    }
    assert {"HF_TOKEN", "WEIGHBRIDGE_ADMIN_TOKEN", "WEIGHBRIDGE_OIDC_CLIENT_SECRET", *values} == set(secrets)
    files = {alias: values.get(alias, f"value-of-{alias}") for alias in secrets}
    _secret_files(tmp_path, monkeypatch, **files)
    settings = Settings.from_env()
    assert {a: getattr(settings, name).get_secret_value() for a, name in secrets.items()} == files


def test_a_secret_that_is_missing_or_unreadable_stops_the_start_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_SECRETS_DIR", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match=r"^WEIGHBRIDGE_SECRETS_DIR: there is no such folder$"):
        Settings.from_env()
    _secret_files(tmp_path, monkeypatch)
    with pytest.raises(SettingsError, match=r"^REDIS_URL: is not set\."):
        Settings.from_env(needs=("redis_url",))
    (tmp_path / "REDIS_URL").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"^The file REDIS_URL can't be read: it is not text$"):
        Settings.from_env()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"HF_HUB_CACHE": "/a/cache", "HF_HOME": "/b"}, "/a/cache"),
        ({"HF_HOME": "/b"}, "/b/hub"),
        ({"WEIGHBRIDGE_DATA_DIR": "/c"}, "/c/hub"),
        ({"HF_HUB_CACHE": "", "WEIGHBRIDGE_DATA_DIR": "/c"}, "/c/hub"),
    ],
)
def test_the_cache_is_where_the_hub_clients_look(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], expected: str
) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    assert Settings.from_env().cache_dir == Path(expected)


@pytest.mark.parametrize(
    ("text", "models"),
    [
        ("a/b:c.gguf, d/e@v1", ("a/b:c.gguf", "d/e@v1")),
        ("none", ()),
        ("", ("unsloth/Qwen3-0.6B-GGUF:Qwen3-0.6B-Q4_0.gguf",)),
    ],
)
def test_default_models_are_a_list(
    monkeypatch: pytest.MonkeyPatch, text: str, models: tuple[str, ...]
) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_DEFAULT_MODELS", text)
    assert Settings.from_env().default_models == models


def test_env_example_lists_every_setting_and_no_other() -> None:
    text = (ROOT / ".env.example").read_text()
    listed = re.findall(r"^# ([A-Z][A-Z_]+)=", text, re.MULTILINE)
    assert listed == setting_names()


def test_the_hard_time_limit_comes_after_the_soft_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_SOFT_TIME_LIMIT_SECONDS", "60")
    monkeypatch.setenv("WEIGHBRIDGE_HARD_TIME_LIMIT_SECONDS", "60")
    with pytest.raises(SettingsError, match="WEIGHBRIDGE_HARD_TIME_LIMIT_SECONDS: must be more than"):
        Settings.from_env()


@pytest.mark.parametrize("wrong", ["*", "tools.example.com", "https://tools.example.com/", "null"])
def test_an_origin_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_CORS_ORIGINS", f"https://a.example.com,{wrong}")
    with pytest.raises(SettingsError, match="WEIGHBRIDGE_CORS_ORIGINS: each must be an origin"):
        Settings.from_env()
