"""Secrets are planted everywhere, everything is done with them and to them, and then they are looked for."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from cryptography.fernet import Fernet
from redis import Redis

from shared.database import Database
from shared.tables import Base
from tests.conftest import ADMIN_TOKEN, SECRET_KEY, Servers
from tests.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider
from tests.provider_server import ProviderServer
from tests.stack import Stack, running_stack, wait_for

# What belongs to a model or a person: known to nobody but who has entered it.
ENTERED = {
    "apiKey": "sk-canary-api-key-0001",
    "rotated apiKey": "sk-canary-api-key-0002",
    "refused apiKey": "sk-canary-api-key-0003",
    "hfToken": "hf_canaryModelToken0004",
    "rotated hfToken": "hf_canaryModelToken0005",
    "password": "canary horse battery 0006",
    "new password": "canary horse battery 0007",
    "wrong password": "canary horse battery 0008",
    "wrong token": "wb_canary-token-0009",
}
# What the operator sets: it stands in the environment of our services, and nowhere else.
SET = {
    "HF_TOKEN": "hf_canaryServerToken0010",
    "WEIGHBRIDGE_OIDC_CLIENT_SECRET": CLIENT_SECRET,
    "WEIGHBRIDGE_ADMIN_TOKEN": ADMIN_TOKEN,
    "WEIGHBRIDGE_SECRET_KEYS": f"{Fernet.generate_key().decode()},{SECRET_KEY}",
}


@dataclass
class House:
    """The stack with canaries, everything that it has answered, and what it was given to keep."""

    stack: Stack
    answers: list[str] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=lambda: dict(ENTERED))

    def call(self, method: str, path: str, body: Any = None, *, keeps: bool = True, **kwargs: Any) -> Any:
        """Call the API and keep the whole answer, except where it hands a secret to whom it belongs."""
        answer = self.stack.call(method, path, body, **kwargs)
        if keeps:
            self.answers.append(f"{method} {path} {answer.status_code} {dict(answer.headers)} {answer.text}")
        return answer


@pytest.fixture(scope="module")
def house(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with IdentityProvider() as provider:
        told = SET | {"WEIGHBRIDGE_OIDC_ISSUER": provider.url, "WEIGHBRIDGE_OIDC_CLIENT_ID": CLIENT_ID}
        folder = tmp_path_factory.mktemp("canaries")
        with running_stack(servers, folder, redis_db=4, **told) as stack:
            yield House(stack)


@pytest.fixture(scope="module")
def passed_through_redis(house: House) -> Iterator[list[str]]:
    """Every command that Redis is sent: claims, progress, limits, and the messages of Celery."""
    seen: list[str] = []
    redis = Redis.from_url(house.stack.env["REDIS_URL"], decode_responses=False)
    stop = threading.Event()

    def listen() -> None:
        with redis.monitor() as monitor:
            while not stop.is_set():
                seen.append(str(monitor.next_command()))

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    wait_for("the monitor", lambda: redis.ping() and seen)
    yield seen
    stop.set()
    redis.ping()
    thread.join(5)


@pytest.fixture(scope="module")
def done(house: House, passed_through_redis: list[str]) -> None:
    """Everything is done once, well and badly."""
    _hosted(house)
    _local(house)
    _people(house)
    _nonsense(house)


def _hosted(house: House) -> None:
    with ProviderServer() as provider:
        fields = {"provider": "openai", "baseUrl": f"{provider.url}/v1", "apiKey": ENTERED["apiKey"]}
        house.call("POST", "/api/models/test-connection", fields)
        made = house.call("POST", "/api/models", {"type": "hosted-llm", "name": "GPT"} | fields).json()
        path = f"/api/models/{made['id']}"
        for way in ("/v1", "/status/500", "/html", "/redirect", "/status/429"):
            body = {"modelId": made["id"], "baseUrl": provider.url + way}
            house.call("POST", "/api/models/test-connection", body)
            house.call("POST", "/api/models/test-connection", fields | {"baseUrl": provider.url + way})
        house.call("PATCH", path, {"apiKey": ENTERED["rotated apiKey"]})
        house.call("POST", "/api/models/test-connection", {"modelId": made["id"]})
        house.call("POST", "/api/models", {"type": "hosted-llm", "name": "GPT"} | fields)  # a duplicate
        house.call("POST", "/api/models", {"type": "local", "name": "x"} | fields)  # of the other kind


def _local(house: House) -> None:
    stack = house.stack
    stack.hub.add_token(SET["HF_TOKEN"])
    stack.hub.add_token(ENTERED["hfToken"])  # known, but without access to what is gated
    stack.hub.add_token(ENTERED["rotated hfToken"], "org/*")
    repo = stack.add_repo({"model.bin": b"x" * 3_000_000}, gated=True)
    body = {
        "type": "local",
        "name": "gated",
        "hfRepo": repo,
        "hfToken": ENTERED["hfToken"],
        "downloadNow": True,
    }
    model = house.call("POST", "/api/models", body).json()
    stack.wait_status(model, "Failed")
    house.call("PATCH", f"/api/models/{model['id']}", {"hfToken": ENTERED["rotated hfToken"]})
    house.call("GET", f"/api/hub/repo?repo={repo}&modelId={model['id']}")
    stack.hub.throttle = 500_000
    house.call("POST", f"/api/models/{model['id']}/download", headers={"Idempotency-Key": "canary"})
    stack.wait_bytes(model, 100_000)
    for address in ("/api/models", "/api/downloads/queue", "/api/operations", f"/api/models/{model['id']}"):
        house.call("GET", address)
    events = requests.get(
        f"{stack.url}/api/events", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}, stream=True, timeout=30
    )
    house.answers.append(str(next(events.iter_content(65536))))
    events.close()
    stack.calm_hub()
    stack.wait_status(model, "Downloaded")
    house.call("GET", f"/api/models/{model['id']}")
    public = stack.add_repo({"a.json": b"{}"})
    task = house.call("POST", "/api/downloads", {"repo": public}).json()["taskId"]
    wait_for("the other download", lambda: stack.get(f"/api/tasks/{task}")["status"] == "completed")


def _people(house: House) -> None:
    user = {"name": "ada", "role": "operator", "password": ENTERED["password"]}
    house.call("POST", "/api/users", user)
    house.call("POST", "/api/users", user)
    for password in ("password", "wrong password"):
        _anonymous(house, {"name": "ada", "password": ENTERED[password]}, keeps=password != "password")
    _anonymous(house, {"token": ENTERED["wrong token"]})
    _anonymous(house, {"token": ADMIN_TOKEN, "password": ENTERED["password"]})
    house.call("PATCH", "/api/users/1", {"password": ENTERED["new password"]})
    made = house.call("POST", "/api/tokens", {"name": "ci", "role": "viewer"}, keeps=False).json()
    house.secrets["API token"] = made["token"]
    bearer = {"headers": {"Authorization": f"Bearer {made['token']}"}}
    for method, path in (("GET", "/api/models"), ("GET", "/api/auth/me"), ("POST", "/api/models")):
        house.call(method, path, {} if method == "POST" else None, **bearer)
    for path in (
        "/api/users",
        "/api/tokens",
        "/api/audit",
        "/api/audit?format=csv",
        "/api/audit?format=json",
    ):
        house.call("GET", path)
    with requests.Session() as browser:
        landed = browser.get(f"{house.stack.url}/api/auth/provider", timeout=30)
        house.answers += [f"{each.status_code} {each.text}" for each in (*landed.history, landed)]
        house.secrets["session"] = browser.cookies["weighbridge_session"]


def _anonymous(house: House, body: dict[str, str], *, keeps: bool = True) -> None:
    answer = requests.post(f"{house.stack.url}/api/auth/login", json=body, timeout=30)
    if keeps:
        house.answers.append(f"{answer.status_code} {dict(answer.headers)} {answer.text}")


def _nonsense(house: House) -> None:
    """Secrets where none belong, in every route that takes a body: error pages must not repeat them."""
    document = requests.get(f"{house.stack.url}/api/openapi.json", timeout=30).json()
    bodies = [
        {"apiKey": [ENTERED["refused apiKey"]], "hfToken": {"x": ENTERED["hfToken"]}},
        {"apiKey": ENTERED["refused apiKey"] + " \n", "password": ENTERED["wrong password"], "token": 7},
        {"currentPassword": ENTERED["wrong password"], "newPassword": "x"},
    ]
    for path, operations in document["paths"].items():
        address = re.sub(r"\{\w*operation_id\}", "00000000-0000-0000-0000-000000000000", path)
        address = re.sub(r"\{\w+\}", "1", address)
        for method in operations.keys() & {"post", "patch", "put"}:
            for body in bodies:
                house.call(method.upper(), address, body)
            raw = f'{{"apiKey": "{ENTERED["refused apiKey"]}", "password": "{ENTERED["wrong password"]}"'
            sent = requests.request(
                method,
                house.stack.url + address,
                data=raw,
                headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
                timeout=30,
            )
            house.answers.append(sent.text)


def _found(text: str, secrets: dict[str, str]) -> list[str]:
    return [name for name, secret in secrets.items() for each in secret.split(",") if each in text]


def test_no_answer_shows_a_secret(house: House, done: None) -> None:
    assert len(house.answers) > 80
    assert not [answer[:300] for answer in house.answers if _found(answer, house.secrets | SET)]


def test_no_log_of_any_service_shows_a_secret(house: House, done: None) -> None:
    text = house.stack.log_text()
    assert "download finished" in text
    assert "request" in text
    assert not _found(text, house.secrets | SET)


def test_no_secret_passes_through_redis_or_stays_there(
    house: House, done: None, passed_through_redis: list[str]
) -> None:
    commands = "\n".join(passed_through_redis)
    assert "weighbridge:task:" in commands
    assert "weighbridge:limits" in commands
    assert re.search(r"worker_service|download", commands), "no message of Celery was seen"
    assert not _found(commands, house.secrets | SET)
    redis = Redis.from_url(house.stack.env["REDIS_URL"], decode_responses=False)
    kept = b" ".join(redis.dump(key) or b"" for key in redis.scan_iter()).decode("latin-1")
    redis.close()
    assert kept
    assert not _found(kept, house.secrets | SET)


def test_the_database_holds_no_secret_in_clear(house: House, done: None) -> None:
    database = Database(house.stack.env["DATABASE_URL"])
    with database.session() as session:
        rows = [
            json.dumps([str(row) for row in session.execute(table.select())])
            for table in Base.metadata.sorted_tables
        ]
    database.dispose()
    assert not _found("".join(rows), house.secrets | SET)


def test_no_process_shows_a_secret_in_its_arguments_and_no_child_in_its_environment(
    house: House, done: None
) -> None:
    services = {process.pid for process in house.stack.processes.values()}
    family = [psutil.Process(pid) for pid in services]
    family += [child for process in list(family) for child in process.children(recursive=True)]
    assert len(family) >= 3 + 2 + 2 + 2  # the services, and what they have forked
    for process in family:
        arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode(errors="replace")
        assert not _found(arguments, house.secrets | SET), process
        environment = Path(f"/proc/{process.pid}/environ").read_bytes().decode(errors="replace")
        assert not _found(environment, house.secrets), process
    everybody = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert not _found(everybody, house.secrets | SET)


def test_no_file_of_the_volume_holds_a_secret(house: House, done: None) -> None:
    for path in house.stack.cache.rglob("*"):
        if path.is_file():
            assert not _found(path.read_bytes().decode("latin-1"), house.secrets | SET), path


def test_the_search_itself_would_find_them(house: House, done: None) -> None:
    assert set(_found(" ".join(ENTERED.values()), ENTERED)) == ENTERED.keys()
    assert house.stack.hub.requests, "the Hub was asked"
