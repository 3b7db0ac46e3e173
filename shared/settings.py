"""The settings of both services: read once from the environment and `.env`, wrong ones reported together.

The only module that reads the environment (kept so by tests/test_house.py).
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from cryptography.fernet import Fernet
from limits import parse_many
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from shared import setting_checks
from shared.bandwidth import LEAST_RATE, MOST_RATE, parse_schedule
from shared.secret_files import SecretFiles, secret_in
from shared.task_names import VOLUME_NAME

SECRET_KEYS_FILE = "secret-keys"
ADMIN_TOKEN_FILE = "admin-token"


class SettingsError(Exception):
    """The environment can't be used; the message names every setting that is wrong and how to mend it."""


def _setting(name: str, default: Any, description: str, **limits: Any) -> Any:
    return Field(default=default, validation_alias=name, description=description, **limits)


CommaSeparated = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """One immutable value for a process. Secrets are SecretStr, so no repr or log shows them."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: SecretStr | None = _setting(
        "DATABASE_URL", None, "postgresql://user:password@host/name; empty: the embedded one of `make run`."
    )
    redis_url: SecretStr | None = _setting(
        "REDIS_URL", None, "redis://, rediss:// or unix://; empty: the embedded one of `make run`."
    )
    host: str = _setting("HOST", "127.0.0.1", "Address that the API listens on.")
    port: int = _setting("PORT", 8000, "Port that the API listens on.", ge=1, le=65535)
    trusted_proxies: int = _setting(
        "WEIGHBRIDGE_TRUSTED_PROXIES",
        0,
        "Proxies before the API whose X-Forwarded-For, -Proto and -Host are believed (1: one ingress).",
        ge=0,
        le=10,
    )
    cors_origins: CommaSeparated = _setting(
        "WEIGHBRIDGE_CORS_ORIGINS",
        (),
        "Comma-separated origins whose pages may call the API with a token; empty: none but our own.",
    )
    api_threads: int = _setting(
        "WEIGHBRIDGE_API_THREADS",
        64,
        "Threads of each API process; a page that watches holds one, 8 stay free for requests.",
        ge=9,
        le=2048,
    )
    data_dir: Path = _setting(
        "WEIGHBRIDGE_DATA_DIR", Path(".weighbridge"), "Embedded databases, keys and, by default, the cache."
    )
    hf_endpoint: str = _setting(
        "HF_ENDPOINT", "https://huggingface.co", "Any server that speaks the Hub's protocol."
    )
    hf_hub_cache: Path | None = _setting(
        "HF_HUB_CACHE", None, "The Hugging Face cache directory: the volume."
    )
    hf_home: Path | None = _setting(
        "HF_HOME", None, "Its folder `hub` is the cache when HF_HUB_CACHE is empty."
    )
    volume: str | None = _setting(
        "WEIGHBRIDGE_VOLUME", None, "Name of this worker's volume; empty: all share one.", pattern=VOLUME_NAME
    )
    hf_token: SecretStr | None = _setting("HF_TOKEN", None, "Hub token for models without one of their own.")
    hf_hub_offline: bool = _setting(
        "HF_HUB_OFFLINE", False, "1: never ask the Hub; a download then fails with HUB_OFFLINE."
    )
    hub_failure_threshold: int = _setting(
        "WEIGHBRIDGE_HUB_FAILURE_THRESHOLD",
        5,
        "Failures of the Hub in a row after which the API stops asking it for a while.",
        ge=1,
        le=1000,
    )
    hub_recovery_seconds: float = _setting(
        "WEIGHBRIDGE_HUB_RECOVERY_SECONDS", 30, "After so long the API tries the Hub again.", gt=0, le=3600
    )
    secret_keys: SecretStr | None = _setting(
        "WEIGHBRIDGE_SECRET_KEYS",
        None,
        "Comma-separated Fernet keys, the first encrypts; empty: the file secret-keys in the data dir.",
    )
    admin_token: SecretStr | None = _setting(
        "WEIGHBRIDGE_ADMIN_TOKEN", None, "Admin bearer token; empty: the file admin-token in the data dir."
    )
    session_hours: float = _setting(
        "WEIGHBRIDGE_SESSION_HOURS", 7 * 24, "How long a sign-in to the dashboard lasts.", gt=0, le=24 * 365
    )
    sign_in_limit: str = _setting(
        "WEIGHBRIDGE_SIGN_IN_LIMIT", "10 per minute; 100 per hour", "Tries to sign in, from one address."
    )
    test_connection_limit: str = _setting(
        "WEIGHBRIDGE_TEST_CONNECTION_LIMIT", "30 per minute", "Connections that one caller may test."
    )
    hub_limit: str = _setting("WEIGHBRIDGE_HUB_LIMIT", "120 per minute", "Looks at the Hub by one caller.")
    audit_days: int = _setting(
        "WEIGHBRIDGE_AUDIT_DAYS", 400, "How long the audit log is kept.", ge=1, le=36_500
    )
    safetensors_only: bool = _setting(
        "WEIGHBRIDGE_SAFETENSORS_ONLY",
        False,
        "1: refuse files that can run code when they are loaded (pickles such as .bin, .pt, .ckpt).",
    )
    public_url: str | None = _setting(
        "WEIGHBRIDGE_PUBLIC_URL",
        None,
        "Where browsers find Weighbridge (https://models.example.com); empty: as the request says.",
    )
    oidc_issuer: str | None = _setting(
        "WEIGHBRIDGE_OIDC_ISSUER", None, "Address of an OpenID Connect provider; empty: no single sign-on."
    )
    oidc_client_id: str | None = _setting(
        "WEIGHBRIDGE_OIDC_CLIENT_ID", None, "How the provider knows Weighbridge."
    )
    oidc_client_secret: SecretStr | None = _setting(
        "WEIGHBRIDGE_OIDC_CLIENT_SECRET", None, "What Weighbridge shows to the provider."
    )
    oidc_label: str = _setting(
        "WEIGHBRIDGE_OIDC_LABEL", "single sign-on", "What follows “Sign in with” on the button."
    )
    oidc_role_claim: str | None = _setting(
        "WEIGHBRIDGE_OIDC_ROLE_CLAIM",
        None,
        "Claim that decides about the role at each sign-in, such as groups; empty: admins give roles.",
    )
    oidc_admins: CommaSeparated = _setting(
        "WEIGHBRIDGE_OIDC_ADMINS", (), "Comma-separated values of that claim which make an admin."
    )
    oidc_operators: CommaSeparated = _setting(
        "WEIGHBRIDGE_OIDC_OPERATORS", (), "Comma-separated values of that claim which make an operator."
    )
    oidc_default_role: Literal["viewer", "operator", "admin", "none"] = _setting(
        "WEIGHBRIDGE_OIDC_DEFAULT_ROLE", "viewer", "Role of everybody else there; `none` refuses them."
    )
    download_concurrency: int = _setting(
        "WEIGHBRIDGE_DOWNLOAD_CONCURRENCY", 2, "Downloads at a time in one worker.", ge=1, le=64
    )
    connections_per_file: int = _setting(
        "WEIGHBRIDGE_CONNECTIONS_PER_FILE", 32, "Connections that one download opens at most.", ge=1, le=64
    )
    max_bytes_per_second: int | None = _setting(
        "WEIGHBRIDGE_MAX_BYTES_PER_SECOND",
        None,
        "What the downloads of all workers together may take of the network. Empty: no limit.",
        ge=LEAST_RATE,
        le=MOST_RATE,
    )
    bandwidth_schedule: str | None = _setting(
        "WEIGHBRIDGE_BANDWIDTH_SCHEDULE",
        None,
        "Other limits by time, such as `mon-fri 08:00-18:00 20MB; * 40MB` (docs/bandwidth.md).",
    )
    disk_reserve_bytes: int = _setting(
        "WEIGHBRIDGE_DISK_RESERVE_BYTES",
        1_000_000_000,
        "Bytes of the volume that downloads leave free.",
        ge=0,
    )
    scan_seconds: float = _setting(
        "WEIGHBRIDGE_SCAN_SECONDS",
        300,
        "How often a worker looks at what the cache holds, beside after each operation.",
        gt=0,
        le=86_400,
    )
    cache_quota_bytes: int | None = _setting(
        "WEIGHBRIDGE_CACHE_QUOTA_BYTES",
        None,
        "What the cache may hold; beyond it, a plan names what was used longest ago. Empty: no quota.",
        ge=0,
    )
    cache_evict: bool = _setting(
        "WEIGHBRIDGE_CACHE_EVICT", False, "1: a worker carries out the quota's plan; 0: a person does."
    )
    local_path_roots: CommaSeparated = _setting(
        "WEIGHBRIDGE_LOCAL_PATH_ROOTS", (), "Comma-separated absolute folders for models of source=path."
    )
    allowed_private_hosts: CommaSeparated = _setting(
        "WEIGHBRIDGE_ALLOWED_PRIVATE_HOSTS",
        (),
        "Comma-separated hosts, addresses or networks that test-connection may reach although private.",
    )
    default_models: CommaSeparated = _setting(
        "WEIGHBRIDGE_DEFAULT_MODELS",
        ("unsloth/Qwen3-0.6B-GGUF:Qwen3-0.6B-Q4_0.gguf",),
        "Comma-separated owner/name[@revision][:file], registered at first start; `none` for nothing.",
    )
    default_embedding_model: str | None = _setting(
        "WEIGHBRIDGE_DEFAULT_EMBEDDING_MODEL",
        None,
        "Id or name of the embedding model that is used by default; to delete it wants a confirmation.",
    )
    default_llm: str | None = _setting(
        "WEIGHBRIDGE_DEFAULT_LLM", None, "Id or name of the LLM that is used by default; the same."
    )
    catalog_dir: Path | None = _setting(
        "WEIGHBRIDGE_CATALOG_DIR",
        None,
        "Folder of YAML files that add to the curated catalog or override it (docs/catalog.md).",
    )
    catalog_only: bool = _setting(
        "WEIGHBRIDGE_CATALOG_ONLY", False, "1: refuse models of the Hub that are not in the catalog."
    )
    lease_seconds: int = _setting(
        "WEIGHBRIDGE_LEASE_SECONDS", 30, "A running operation whose worker is silent so long goes back.", ge=3
    )
    sweep_seconds: float = _setting(
        "WEIGHBRIDGE_SWEEP_SECONDS", 5, "How often each worker looks for what was lost.", gt=0, le=60
    )
    max_attempts: int = _setting(
        "WEIGHBRIDGE_MAX_ATTEMPTS",
        10,
        "Failures in a row without progress before an operation fails for good.",
        ge=1,
        le=100,
    )
    soft_time_limit_seconds: int = _setting(
        "WEIGHBRIDGE_SOFT_TIME_LIMIT_SECONDS",
        4 * 3600,
        "After so long an attempt of a download gives way to others; it goes on from its bytes.",
        ge=1,
    )
    hard_time_limit_seconds: int = _setting(
        "WEIGHBRIDGE_HARD_TIME_LIMIT_SECONDS",
        6 * 3600,
        "After so long the process of an attempt is killed; another attempt goes on from its bytes.",
        ge=1,
    )
    metrics: bool = _setting("WEIGHBRIDGE_METRICS", False, "1: the API answers GET /metrics, to everybody.")
    metrics_port: int | None = _setting(
        "WEIGHBRIDGE_METRICS_PORT", None, "Port of a worker's own metrics; empty: none.", ge=1, le=65535
    )
    otlp_endpoint: str | None = _setting("WEIGHBRIDGE_OTLP_ENDPOINT", None, "Collector of traces (OTLP).")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = _setting("LOG_LEVEL", "INFO", "What is logged.")
    log_format: Literal["json", "console"] = _setting("LOG_FORMAT", "console", "`json` for log collectors.")
    heartbeat_file: Path | None = _setting(
        "WEIGHBRIDGE_HEARTBEAT_FILE", None, "Worker: touched while it lives, for `worker_service.alive`."
    )
    secrets_dir: Path | None = _setting(
        "WEIGHBRIDGE_SECRETS_DIR", None, "Folder with a file for each secret, called as its setting."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The usual sources, and files whose folder an earlier one names."""
        return init_settings, env_settings, dotenv_settings, SecretFiles(settings_cls)

    @classmethod
    def from_env(cls, *, needs: tuple[str, ...] = ()) -> Self:
        """Read the environment and `.env`; `needs` names the fields that this process can't do without.

        Raises SettingsError with a line for each setting that is wrong or missing.
        """
        try:
            settings = cls().with_files()
        except ValidationError as error:
            raise SettingsError("\n".join(_complaint(problem) for problem in error.errors())) from None
        except OSError as error:
            raise SettingsError(f"The file {error.filename} can't be read: {error.strerror}") from None
        missing = [name for name in needs if getattr(settings, name) is None]
        if missing:
            raise SettingsError("\n".join(_missing(name) for name in missing))
        return settings

    def with_files(self) -> Self:
        """The same with secret keys and admin token taken from the data dir where no setting gives them."""
        found = {
            "secret_keys": self.secret_keys or secret_in(self.data_dir / SECRET_KEYS_FILE),
            "admin_token": self.admin_token or secret_in(self.data_dir / ADMIN_TOKEN_FILE),
        }
        return self.model_copy(update=found)

    @property
    def cache_dir(self) -> Path:
        """The volume: HF_HUB_CACHE, else HF_HOME/hub, else <data dir>/hub; absolute."""
        if self.hf_hub_cache:
            return self.hf_hub_cache.expanduser().absolute()
        return (self.hf_home or self.data_dir).expanduser().absolute() / "hub"

    @field_validator(
        "local_path_roots",
        "default_models",
        "allowed_private_hosts",
        "cors_origins",
        "oidc_admins",
        "oidc_operators",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip() not in ("", "none"))

    @field_validator("hard_time_limit_seconds")
    @classmethod
    def _comes_after_the_soft(cls, value: int, info: ValidationInfo) -> int:
        if value <= info.data.get("soft_time_limit_seconds", 0):
            raise ValueError("must be more than WEIGHBRIDGE_SOFT_TIME_LIMIT_SECONDS")
        return value

    @field_validator("sign_in_limit", "test_connection_limit", "hub_limit")
    @classmethod
    def _is_a_limit(cls, value: str) -> str:
        parse_many(value)  # its ValueError says what is wrong with it
        return value

    @field_validator("bandwidth_schedule")
    @classmethod
    def _is_a_schedule(cls, value: str | None) -> str | None:
        if value is not None:
            parse_schedule(value)  # the same
        return value

    _http = field_validator("hf_endpoint", "public_url", "oidc_issuer", "otlp_endpoint")(
        setting_checks.http_address
    )
    _hosts = field_validator("allowed_private_hosts")(setting_checks.hosts)
    _origins = field_validator("cors_origins")(setting_checks.origins)
    _paths = field_validator("local_path_roots")(setting_checks.absolute_paths)
    _folder = field_validator("secrets_dir")(setting_checks.existing_folder)

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("postgresql://", "postgresql+", "postgres://")):
            raise ValueError("must begin with postgresql://")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return value

    @field_validator("secret_keys")
    @classmethod
    def _are_fernet_keys(cls, value: SecretStr | None) -> SecretStr | None:
        for key in fernet_keys(value):
            try:
                Fernet(key)
            except ValueError:
                raise ValueError(
                    "must be Fernet keys: 32 bytes in url-safe base64, comma-separated"
                ) from None
        return value


def fernet_keys(value: SecretStr | None) -> list[str]:
    """The single keys of WEIGHBRIDGE_SECRET_KEYS, the one that encrypts first."""
    return [key.strip() for key in value.get_secret_value().split(",") if key.strip()] if value else []


def setting_names() -> list[str]:
    """Every environment variable that Weighbridge reads, in the order of their declaration."""
    return [str(field.validation_alias) for field in Settings.model_fields.values()]


def share_metrics_in(folder: Path) -> None:
    """Tell prometheus_client, which takes it from the environment alone, where it keeps its files."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def _complaint(problem: Any) -> str:
    return f"{problem['loc'][0]}: {problem['msg'].removeprefix('Value error, ')}"


def _missing(name: str) -> str:
    field = Settings.model_fields[name]
    return f"{field.validation_alias}: is not set. {field.description}"
