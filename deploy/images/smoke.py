"""The smoke test of an installation: a download, from the sign-in to the delete, through the HTTP API alone.

    python3 deploy/images/smoke.py --token-file secrets/WEIGHBRIDGE_ADMIN_TOKEN \\
        --drain "docker compose stop worker" --resume "docker compose start worker"

Standard library only. With --drain the worker of the downloads is stopped in mid-download, and must have
given the download back with every byte. It ends with 0 and leaves nothing behind, or with 1, a line why, and
its model.
"""

import argparse
import json
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Step = Callable[[], Any]
_POLL_SECONDS = 0.1


class Failed(Exception):
    """Something is not as it should be; the message says what."""


class OtherAnswer(Failed):
    """A call was answered otherwise than expected; while something starts, another try may help."""


@dataclass(frozen=True)
class Installation:
    """A running Weighbridge, called with an admin's token."""

    url: str
    token: str
    patience: float = 120

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
        """Status, JSON (None where there is none) and headers of the answer."""
        request = urllib.request.Request(
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **headers},
            method=method,
        )
        try:
            answer = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            text, kind = answer.read(), answer.headers.get_content_type()
            return answer.status, json.loads(text) if kind.endswith("json") else None, answer.headers

    def ask(self, method: str, path: str, body: Any = None, *, expect: int = 200) -> Any:
        """The answer of a call with the token, if it is the one expected."""
        status, found, _ = self.call(method, path, body, Authorization=f"Bearer {self.token}")
        if status != expect:
            raise OtherAnswer(f"{method} {path} answered {status}, not {expect}: {found}")
        return found

    def wait_for(self, what: str, probe: Step) -> Any:
        """The first true answer of the probe."""
        end, last = time.monotonic() + self.patience, None
        while time.monotonic() < end:
            try:
                last = probe()
                if last:
                    return last
            except (OSError, OtherAnswer) as error:
                last = error
            time.sleep(_POLL_SECONDS)
        raise Failed(f"Waited {self.patience:g} s for {what}; last: {last}")

    def operation(self, path: str, *, method: str = "POST") -> Any:
        """Ask for an operation and wait for its end."""
        task = self.ask(method, path, expect=202)["taskId"]

        def ended() -> Any:
            found = self.ask("GET", f"/api/tasks/{task}")
            return found if found["status"] in ("completed", "failed", "canceled") else None

        found = self.wait_for(f"{method} {path} to end", ended)
        if found["status"] != "completed":
            raise Failed(f"{method} {path} ended as {found['status']}: {found.get('error')}")
        return found


@dataclass(frozen=True)
class Wish:
    """What is downloaded, and how its worker is stopped and started again on the way."""

    repo: str
    file: str | None
    sha256: str | None = None
    drain: Step | None = None
    resume: Step | None = None


def smoke(here: Installation, wish: Wish, say: Callable[[str], None] = print) -> None:
    """The whole test. Raises Failed."""
    here.wait_for("/readyz", lambda: here.call("GET", "/readyz")[0] == 200)
    sign_in(here)
    say("signed in")
    here.wait_for("a worker for each queue", lambda: here.ask("GET", "/api/health")["status"] == "ok")
    name = f"smoke test {uuid.uuid4()}"
    body = {"type": "local", "name": name, "hfRepo": wish.repo, "modelFile": wish.file, "downloadNow": True}
    model = here.ask("POST", "/api/models", body, expect=201)
    path = f"/api/models/{model['id']}"
    say(f"asked for {wish.repo} {wish.file or ''}")
    if wish.drain and wish.resume:
        stop_in_the_middle(here, path, wish.drain, wish.resume, say)
    done = downloaded(here, path)
    say(f"downloaded {done['bytesDownloaded']} bytes in {done['attempt']} attempt(s)")
    check_bytes(here, path, done, wish.sha256)
    say("every byte was read again and is right")
    here.operation(f"{path}?deleteLocalFile=true", method="DELETE")
    if here.call("GET", path, Authorization=f"Bearer {here.token}")[0] != 404:
        raise Failed(f"{path} is still there after its delete")
    say("deleted")


def sign_in(here: Installation) -> None:
    """The page is served, and the token opens a session as in a browser."""
    status, _, headers = here.call("GET", "/sign-in")
    if status != 200 or headers.get_content_type() != "text/html":
        raise Failed(
            f"GET /sign-in answered {status} {headers.get_content_type()}: no dashboard was built in"
        )
    status, me, headers = here.call("POST", "/api/auth/login", {"token": here.token})
    if status != 200:
        raise Failed(f"The token opens no session: {status} {me}")
    cookie = headers["Set-Cookie"].partition(";")[0]
    if here.call("GET", "/api/auth/me", Cookie=cookie)[0] != 200:
        raise Failed("The session of the sign-in is not known")


def stop_in_the_middle(
    here: Installation, path: str, drain: Step, resume: Step, say: Callable[[str], None]
) -> None:
    """A worker that is told to stop gives its download back with every byte."""

    def some() -> Any:
        found = here.ask("GET", f"{path}/download-status")
        if found["status"] == "Downloaded":
            raise Failed(
                "The download was done before its worker could be stopped: take a larger file, or limit the "
                "speed (WEIGHBRIDGE_MAX_BYTES_PER_SECOND)."
            )
        return found if found["status"] == "Downloading" and found["bytesDownloaded"] else None

    before = here.wait_for("the first bytes", some)["bytesDownloaded"]
    began = time.monotonic()
    drain()
    seconds = time.monotonic() - began
    after = here.ask("GET", f"{path}/download-status")
    if after["status"] != "Pending" or after["bytesDownloaded"] < before:
        raise Failed(f"After the stop in mid-download at {before} bytes it is {after}")
    say(f"the worker stopped in {seconds:.1f} s and gave back {after['bytesDownloaded']} bytes")
    resume()


def downloaded(here: Installation, path: str) -> Any:
    """The status of the download once it is done."""

    def ended() -> Any:
        found = here.ask("GET", f"{path}/download-status")
        if found["status"] in ("Failed", "Canceled"):
            raise Failed(f"The download ended as {found['status']}: {found.get('error')}")
        return found if found["status"] == "Downloaded" else None

    return here.wait_for("Downloaded", ended)


def check_bytes(here: Installation, path: str, done: Any, sha256: str | None) -> None:
    """The worker reads all of it again from the volume, and the checksum is the one that we know."""
    if done["bytesDownloaded"] != done["bytesTotal"]:
        raise Failed(f"{done['bytesDownloaded']} bytes of {done['bytesTotal']} are Downloaded")
    result = here.operation(f"{path}/verify")["result"]
    if result != "intact":
        raise Failed(f"The verify says {result}")
    checksum = here.ask("GET", path)["checksum"]
    if sha256 and checksum != f"sha256:{sha256}":
        raise Failed(f"The checksum is {checksum}, not sha256:{sha256}")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--token-file", type=Path, required=True, help="a file with an admin's token")
    parser.add_argument("--repo", default="unsloth/Qwen3-0.6B-GGUF")
    parser.add_argument("--file", default="Qwen3-0.6B-Q8_0.gguf", help="one file of it; empty: all")
    parser.add_argument("--sha256", help="of that file")
    parser.add_argument("--drain", help="command that stops the worker of the downloads (SIGTERM)")
    parser.add_argument("--resume", help="command that starts it again")
    parser.add_argument("--patience", type=float, default=120, help="seconds to wait for each step")
    options = parser.parse_args(arguments)
    here = Installation(options.url.rstrip("/"), options.token_file.read_text().strip(), options.patience)
    steps = [_step(command) for command in (options.drain, options.resume)]
    try:
        smoke(here, Wish(options.repo, options.file or None, options.sha256, *steps))
    except (Failed, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"The smoke test failed. {error}")
    print("The smoke test passed.")


def _step(command: str | None) -> Step | None:
    if command is None:
        return None
    return lambda: subprocess.run(shlex.split(command), check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
