import subprocess
import sys
from pathlib import Path

from cryptography.fernet import Fernet

from shared.database import Database
from shared.secrets import SecretBox
from shared.settings import Settings
from shared.tables import Model, ModelType, Provider
from tests.conftest import ADMIN_TOKEN, ROOT, SECRET_KEY


def _start(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """gunicorn with these settings, until it ends by itself.

    One worker: where several refuse to start at once, gunicorn may stumble over the second one's end.
    """
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "gunicorn",
            "api_service.wsgi:app",
            "--bind",
            f"unix:{folder}/s",
            "--workers",
            "1",
        ],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "WEIGHBRIDGE_DATA_DIR": str(folder), **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_without_its_settings_the_api_ends_and_says_what_is_missing(tmp_path: Path) -> None:
    ended = _start(tmp_path)
    assert ended.returncode == 3
    for name in ("DATABASE_URL", "REDIS_URL", "WEIGHBRIDGE_SECRET_KEYS", "WEIGHBRIDGE_ADMIN_TOKEN"):
        assert f"{name}: is not set" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_with_a_bad_file_of_the_catalog_the_api_ends_and_names_file_entry_and_problem(tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    folder.mkdir()
    (folder / "ours.yaml").write_text("entries: [{id: x, name: X, category: llm, repo: a/b, dimension: 3}]")
    ended = _start(
        tmp_path,
        DATABASE_URL="postgresql://nowhere/none",
        REDIS_URL="redis://nowhere",
        WEIGHBRIDGE_ADMIN_TOKEN=ADMIN_TOKEN,
        WEIGHBRIDGE_SECRET_KEYS=SECRET_KEY,
        WEIGHBRIDGE_CATALOG_DIR=str(folder),
    )
    assert ended.returncode == 3
    said = f"WEIGHBRIDGE_CATALOG_DIR: {folder}/ours.yaml: entry `x`: dimension: does not apply to this entry"
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_with_the_keys_of_another_installation_the_api_ends_and_says_what_to_do(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    with database.session() as session:
        model = Model(name="m", type=ModelType.HOSTED_LLM, provider=Provider.OPENAI, base_url="https://x")
        session.add(model)
        session.flush()
        SecretBox([SECRET_KEY]).put(model, "api_key", "sk-canary")
    assert settings.database_url is not None
    assert settings.redis_url is not None
    ended = _start(
        tmp_path,
        DATABASE_URL=settings.database_url.get_secret_value(),
        REDIS_URL=settings.redis_url.get_secret_value(),
        WEIGHBRIDGE_ADMIN_TOKEN=ADMIN_TOKEN,
        WEIGHBRIDGE_SECRET_KEYS=Fernet.generate_key().decode(),
    )
    assert ended.returncode == 3
    assert "WEIGHBRIDGE_SECRET_KEYS: can't read any of the stored secrets" in ended.stderr
    assert "--forget" in ended.stderr
