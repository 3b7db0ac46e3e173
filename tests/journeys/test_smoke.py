"""The smoke test of installations (deploy/images/smoke.py): it passes when all is well, and only then."""

import hashlib
import os
from collections.abc import Iterator

import pytest

from deploy.images.smoke import Failed, Installation, Wish, smoke
from tests.conftest import ADMIN_TOKEN
from tests.stack import Stack

MB = 1_000_000


@pytest.fixture(autouse=True)
def _a_worker_again(stack: Stack) -> Iterator[None]:
    yield
    stack.calm_hub()
    if "downloads" not in stack.processes:
        stack.start_worker("downloads", "downloads", 2)


def _here(stack: Stack) -> Installation:
    return Installation(stack.url, ADMIN_TOKEN, patience=30)


def test_it_passes_with_a_worker_stopped_in_mid_download_and_leaves_nothing(stack: Stack) -> None:
    data = os.urandom(12 * MB)
    repo = stack.add_repo({"smoke.gguf": data})
    stack.hub.throttle = MB // 2
    said: list[str] = []

    def resume() -> None:
        stack.hub.throttle = None
        stack.start_worker("downloads", "downloads", 2)

    wish = Wish(
        repo,
        "smoke.gguf",
        hashlib.sha256(data).hexdigest(),
        drain=lambda: stack.stop("downloads"),
        resume=resume,
    )
    smoke(_here(stack), wish, said.append)
    assert f"downloaded {len(data)} bytes in 2 attempt(s)" in said
    assert said[-1] == "deleted"
    assert not (stack.cache / f"models--{repo.replace('/', '--')}").exists()


def test_it_fails_where_the_bytes_are_not_those_expected(stack: Stack) -> None:
    repo = stack.add_repo({"other.gguf": b"other"})
    with pytest.raises(Failed, match="The checksum is sha256:"):
        smoke(_here(stack), Wish(repo, "other.gguf", "0" * 64), lambda _: None)


def test_it_fails_with_the_reason_where_the_download_does(stack: Stack) -> None:
    with pytest.raises(Failed, match=r"The download ended as Failed: .*REPO_NOT_FOUND"):
        smoke(_here(stack), Wish("org/none", "none.gguf"), lambda _: None)


def test_it_fails_with_another_token(stack: Stack) -> None:
    with pytest.raises(Failed, match="The token opens no session: 401"):
        smoke(Installation(stack.url, "wb_wrong", patience=5), Wish("org/none", None), lambda _: None)
