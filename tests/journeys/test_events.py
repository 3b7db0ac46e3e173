"""A page that watches a real download, signed in with a session."""

import json
import os
from collections.abc import Iterator
from typing import Any

import requests

from tests.conftest import ADMIN_TOKEN
from tests.stack import Stack

MB = 1_000_000


def _events(answer: requests.Response) -> Iterator[tuple[str, Any]]:
    fields: dict[str, str] = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields["event"], json.loads(fields["data"])
            fields = {}


def test_a_page_sees_a_download_from_its_start_to_its_end(stack: Stack) -> None:
    page = requests.Session()
    signed_in = page.post(f"{stack.url}/api/auth/login", json={"token": ADMIN_TOKEN}, timeout=10)
    assert signed_in.status_code == 200
    model = stack.register(stack.add_repo({"seen.gguf": os.urandom(20 * MB)}), "seen.gguf")
    stack.hub.throttle = 2 * MB
    seen: list[tuple[str, Any]] = []
    with page.get(f"{stack.url}/api/events", stream=True, timeout=30) as answer:
        assert answer.status_code == 200
        for name, data in _events(answer):
            if name == "snapshot":
                headers = {"X-CSRF-Token": signed_in.json()["csrfToken"]}
                path = f"{stack.url}/api/models/{model['id']}/download"
                assert page.post(path, headers=headers, timeout=10).status_code == 202
            elif name == "download.progress":
                seen += [(name, one) for one in data["downloads"] if one["modelId"] == model["id"]]
            elif name.startswith("download.") and data["modelId"] == model["id"]:
                seen.append((name, data))
            if name == "download.completed":
                break
    names = [name for name, _ in seen]
    assert (names[0], names[-1]) == ("download.queued", "download.completed")
    assert "download.started" in names
    percents = [data["percent"] for name, data in seen if name == "download.progress"]
    assert len(percents) >= 3
    assert percents == sorted(percents)
    assert seen[-1][1]["percent"] == 100.0
