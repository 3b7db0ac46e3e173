import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import select

from api_service import create_app
from shared.database import Database
from shared.rotation import check_keys, rotate
from shared.secrets import SecretBox
from shared.settings import Settings, SettingsError
from shared.tables import Model, ModelType, Provider
from tests.conftest import ROOT, SECRET_KEY, Api
from tests.stack import wait_for

NEW_KEY = Fernet.generate_key().decode()
OLD, BOTH, NEW = (SecretBox(keys) for keys in ([SECRET_KEY], [NEW_KEY, SECRET_KEY], [NEW_KEY]))


def _add(database: Database, count: int, box: SecretBox = OLD) -> list[int]:
    """Hosted models, each with a key of its own."""
    with database.session() as session:
        models = [
            Model(
                name=f"m{box is OLD}{n}",
                type=ModelType.HOSTED_LLM,
                provider=Provider.OPENAI,
                base_url="https://x",
            )
            for n in range(count)
        ]
        session.add_all(models)
        session.flush()
        for model in models:
            box.put(model, "api_key", f"sk-{model.id}")
        return [model.id for model in models]


def _keys_in_clear(database: Database, box: SecretBox) -> Iterator[tuple[int, str | None]]:
    with database.session() as session:
        for model in session.scalars(select(Model).order_by(Model.id)):
            yield model.id, box.get(model, "api_key")


def test_after_a_rotation_the_new_key_alone_reads_everything(database: Database) -> None:
    ids = _add(database, 250)
    before = _updated(database)
    outcome = rotate(database, BOTH)
    assert (outcome.rotated, outcome.current, outcome.unreadable) == (250, 0, [])
    assert dict(_keys_in_clear(database, NEW)) == {model: f"sk-{model}" for model in ids}
    assert _updated(database) == before
    again = rotate(database, BOTH)
    assert (again.rotated, again.current) == (0, 250)


def _updated(database: Database) -> list[Any]:
    with database.session() as session:
        return list(session.scalars(select(Model.updated_at).order_by(Model.id)))


def test_a_secret_that_is_entered_while_it_runs_stays(database: Database) -> None:
    (model_id,) = _add(database, 1)
    with database.session() as session:
        stale = session.get(Model, model_id)
        assert stale is not None
        session.expunge(stale)
        fresh = session.get(Model, model_id)
        assert fresh is not None
        OLD.put(fresh, "api_key", "sk-entered-meanwhile")
    rotate(database, BOTH)
    assert dict(_keys_in_clear(database, NEW)) == {model_id: "sk-entered-meanwhile"}


def test_while_secrets_are_rotated_each_can_be_read_at_any_moment_also_after_a_kill(
    settings: Settings, database: Database
) -> None:
    ids = _add(database, 2000)
    stop, problems, reads = threading.Event(), [], [0]

    def read() -> None:
        while not stop.is_set():
            for model_id, key in _keys_in_clear(database, BOTH):
                reads[0] += 1
                if key != f"sk-{model_id}":
                    problems.append(model_id)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert settings.database_url is not None
        environment = {
            "DATABASE_URL": settings.database_url.get_secret_value(),
            "WEIGHBRIDGE_SECRET_KEYS": f"{NEW_KEY},{SECRET_KEY}",
            "PATH": "/usr/bin:/bin",
        }
        command = [sys.executable, "-m", "shared.rotation"]
        first = subprocess.Popen(command, cwd=ROOT, env=environment)
        wait_for("the first batches", lambda: _count(database, NEW) > 0)
        first.kill()
        first.wait()
        done = _count(database, NEW)
        finished = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
    finally:
        stop.set()
        reader.join()
    assert 0 < done < len(ids), "the kill came too late to show anything"
    assert (
        f"{len(ids) - done} secrets re-encrypted, {done} were under the first key already" in finished.stdout
    )
    assert not problems
    assert reads[0] > len(ids)
    assert _count(database, NEW) == len(ids)


def _count(database: Database, box: SecretBox) -> int:
    with database.session() as session:
        models = session.scalars(select(Model)).all()
    return sum(box.problem(model) is None for model in models)


def test_a_secret_that_no_key_reads_is_named_and_the_others_are_rotated(database: Database) -> None:
    (lost,) = _add(database, 1, SecretBox([Fernet.generate_key().decode()]))
    _add(database, 3)
    outcome = rotate(database, BOTH)
    assert (outcome.rotated, outcome.unreadable) == (3, [f"api_key of model {lost}"])
    outcome = rotate(database, BOTH, forget=True)
    assert (outcome.forgotten, outcome.current, outcome.unreadable) == (1, 3, [])
    assert dict(_keys_in_clear(database, NEW))[lost] is None


def test_the_keys_of_another_installation_are_refused_at_start(database: Database) -> None:
    check_keys(database, NEW)  # nothing is stored yet
    _add(database, 2)
    check_keys(database, OLD)
    check_keys(database, BOTH)
    with pytest.raises(SettingsError, match=r"WEIGHBRIDGE_SECRET_KEYS: can't read any .*2 tried.*--forget"):
        check_keys(database, NEW)
    _add(database, 1, NEW)
    check_keys(database, NEW)


def test_a_secret_that_can_not_be_read_is_told_at_its_model_and_breaks_nothing_else(
    settings: Settings, database: Database, redis: Any
) -> None:
    (lost,) = _add(database, 1, SecretBox([Fernet.generate_key().decode()]))
    (well,) = _add(database, 1)
    api = Api(create_app(settings).test_client())
    by_id = {model["id"]: model for model in api.get("/api/models").json}
    assert by_id[well]["error"] is None
    error = by_id[lost]["error"]
    assert error["code"] == "UNDECRYPTABLE_SECRET"
    assert "enter the secret again" in error["remedy"]
    assert by_id[lost]["hasApiKey"] is True
    refused = api.post("/api/models/test-connection", {"modelId": lost})
    assert (refused.status_code, refused.json["code"]) == (409, "UNDECRYPTABLE_SECRET")
    assert api.patch(f"/api/models/{lost}", {"name": "renamed"}).status_code == 200
    assert api.patch(f"/api/models/{lost}", {"apiKey": "sk-again"}).json["error"] is None


def test_the_command_says_what_is_missing(tmp_path: Any) -> None:
    environment = {"PATH": "/usr/bin:/bin", "WEIGHBRIDGE_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "shared.rotation"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "DATABASE_URL: is not set" in ended.stderr
    assert "WEIGHBRIDGE_SECRET_KEYS: is not set" in ended.stderr


def test_no_key_stands_in_a_repr(settings: Settings) -> None:
    shown = (
        repr(settings)
        + repr(SecretBox([NEW_KEY]))
        + repr(settings.model_copy(update={"secret_keys": SecretStr(NEW_KEY)}))
    )
    assert NEW_KEY not in shown
    assert SECRET_KEY not in shown
