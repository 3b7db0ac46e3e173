"""docker-compose.yml: everything runs, in order, wired by settings that exist and secrets that are files."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from deploy import serve
from deploy.images import make_secrets
from shared.settings import Settings, setting_names
from shared.version import VERSION
from tests.conftest import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
SECRET_SETTINGS = {
    str(field.validation_alias)
    for field in Settings.model_fields.values()
    if field.annotation == SecretStr | None
}


def test_every_role_runs_and_so_every_queue_is_consumed() -> None:
    roles = {(service.get("command") or ["api"])[0] for service in OURS.values()}
    assert roles == set(serve.ROLES)


def test_every_variable_is_a_setting_and_no_secret_is_a_variable() -> None:
    for name, service in OURS.items():
        variables = set(service["environment"])
        assert variables <= set(setting_names()), name
        assert not variables & SECRET_SETTINGS, name
        assert service["environment"]["WEIGHBRIDGE_SECRETS_DIR"] == "/run/secrets"


def test_every_secret_setting_comes_as_a_file_that_the_script_makes(tmp_path: Path) -> None:
    mounted = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert mounted >= SECRET_SETTINGS
    assert set(COMPOSE["secrets"]) == mounted
    make_secrets.main(tmp_path / "secrets")
    for name, source in COMPOSE["secrets"].items():
        made = tmp_path / source["file"]
        assert made == tmp_path / "secrets" / name
        assert made.is_file()


def test_each_service_gets_the_secrets_that_it_cannot_start_without() -> None:
    from api_service import NEEDS as API
    from worker_service.context import NEEDS as WORKER

    needs = {"api": API, "worker": WORKER, "control": WORKER, "seed": WORKER, "migrate": ("database_url",)}
    for name, fields in needs.items():
        wanted = {str(Settings.model_fields[field].validation_alias) for field in fields}
        assert wanted <= set(OURS[name]["secrets"]), name


def test_the_made_secrets_are_good_settings_for_nobody_else_and_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "secrets"
    make_secrets.main(folder)
    monkeypatch.setenv("WEIGHBRIDGE_SECRETS_DIR", str(folder))
    first = Settings.from_env(needs=("database_url", "redis_url", "secret_keys", "admin_token"))
    assert first.hf_token is None
    assert first.oidc_client_secret is None
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "HF_TOKEN").chmod(0o644)
    (folder / "HF_TOKEN").write_text("hf_mine\n")
    ran = subprocess.run(
        [sys.executable, ROOT / "deploy/images/make_secrets.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    again = Settings.from_env()
    assert again.hf_token is not None
    assert again.model_copy(update={"hf_token": None}) == first


def test_our_containers_can_change_nothing_but_tmp_and_the_volume() -> None:
    for name, service in OURS.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert [mount.split(":")[0] for mount in service["tmpfs"]] == ["/tmp"], name
        assert service.get("volumes", []) in ([], ["cache:/cache"]), name
        assert not service.keys() & {"privileged", "user", "cap_add", "network_mode", "pid"}, name


def test_only_workers_mount_the_volume_and_find_the_cache_on_it() -> None:
    mounting = {name for name, service in SERVICES.items() if "cache:/cache" in service.get("volumes", [])}
    assert mounting == {"worker", "control", "seed"}
    for name in mounting:
        assert Path(SERVICES[name]["environment"]["HF_HUB_CACHE"]).is_relative_to("/cache")


def test_everything_starts_after_what_it_needs() -> None:
    waits = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in SERVICES.items()
    }
    after_the_schema = {"migrate": "service_completed_successfully", "valkey": "service_healthy"}
    assert waits == {
        "postgres": {},
        "valkey": {},
        "migrate": {"postgres": "service_healthy"},
        **dict.fromkeys(("api", "worker", "control", "seed"), after_the_schema),
    }
    for store in ("postgres", "valkey"):
        assert SERVICES[store]["healthcheck"]["test"]


def test_what_ends_by_itself_is_not_started_again_and_the_rest_is() -> None:
    restarts = {name: service["restart"] for name, service in SERVICES.items()}
    assert {name for name, how in restarts.items() if how == "no"} == {"migrate", "seed"}
    assert {how for name, how in restarts.items() if name not in ("migrate", "seed")} == {"unless-stopped"}


def test_what_has_work_to_hand_back_is_given_the_time() -> None:
    for name in ("api", "worker", "control", "postgres", "valkey"):
        assert SERVICES[name]["stop_grace_period"] in ("10s", "30s", "1m"), name


def test_the_images_are_ours_of_this_version_or_pinned() -> None:
    for name, service in SERVICES.items():
        image, _, tag = service["image"].partition(":")
        if name in OURS:
            assert (image, tag) == (f"weighbridge/{service['build']['target']}", VERSION)
        else:
            assert tag.split("-")[0].count(".") >= 1, name


def test_the_stores_reach_nobody_and_only_the_api_is_published() -> None:
    assert COMPOSE["networks"]["stores"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == SERVICES["valkey"]["networks"] == ["stores"]
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api": ["${HOST:-127.0.0.1}:${PORT:-8000}:8000"]}


def test_valkey_drops_nothing_and_has_a_password_that_no_command_line_shows() -> None:
    command = SERVICES["valkey"]["command"]
    assert command[:2] == ["valkey-server", "/run/secrets/VALKEY_CONF"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert command[command.index("--appendonly") + 1] == "yes"
    assert "requirepass" not in " ".join(command)
