"""`make images-smoke`: the built images by podman, read-only and without rights, and the smoke test on them.

Postgres and Valkey are the embedded ones, by TCP and with passwords; the Hub is tests/hub_server.py. As root,
since podman without it needs user namespaces. No part of `make test`: it needs podman and built images.
"""

import hashlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg2
from redis import Redis

from deploy.images import make_secrets
from deploy.images.smoke import Failed, Installation, Wish, smoke
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.process import Child
from deploy.local.valkey import EmbeddedValkey
from shared.version import VERSION
from tests.hub_server import HubServer

MB = 1_000_000
UID = 10001
# Debian's runc, and limits that a sandbox allows: podman would raise them.
PODMAN = ("podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs")
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--network", "host")
# As docker-compose.yml has it.
LOCKED = ("--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp:size=64m,mode=1777")
LOCKED += ("--cap-drop", "all", "--security-opt", "no-new-privileges")
# What must not be in an image, and what must.
MISSING = ("pip", "pip3", "apt-get", "dpkg", "perl", "gcc", "cc", "make", "curl", "npm", "node")
LOOK = f"""
import os, pathlib, shutil, ssl, zoneinfo
assert os.getuid() == os.getgid() == {UID}, (os.getuid(), os.getgid())
assert not (found := [name for name in {MISSING} if shutil.which(name)]), found
assert len(ssl.create_default_context().get_ca_certs()) > 50
zoneinfo.ZoneInfo("Europe/Berlin")
mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
assert [mount[3].split(",")[0] for mount in mounts if mount[1] == "/"] == ["ro"], mounts
for folder in ("/", "/opt/weighbridge", "/usr/bin", "/etc", "/run"):
    try:
        (pathlib.Path(folder) / "written").touch()
    except OSError:
        continue
    raise AssertionError(f"{{folder}} can be written to")
status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0, status
assert status["NoNewPrivs"].strip() == "1", status
"""


class TcpPostgres(EmbeddedPostgres):
    """The embedded Postgres where a container reaches it."""

    def _child(self, programs: Path) -> Child:
        child = super()._child(programs)
        child.argv = [*child.argv, "-c", "listen_addresses=127.0.0.1"]
        return child


class Containers:
    """The containers of one trial; all have the same settings."""

    def __init__(self, environment: dict[str, str], volume: Path, secrets: Path) -> None:
        self._settings = [
            part for name, value in environment.items() for part in ("--env", f"{name}={value}")
        ]
        self._mounts = ("--volume", f"{secrets}:/run/secrets:ro")
        self._volume = ("--volume", f"{volume}:/cache")
        self.names: list[str] = []

    def run(self, role: str, image: str) -> None:
        """Start a role; one that ends by itself is waited for."""
        name, once = f"weighbridge-trial-{role}", role in ("migrate", "seed")
        mounts = (*self._mounts, *(self._volume if image == "worker" else ()))
        how = ("--rm",) if once else ("--detach",)
        self.names += [] if once else [name]
        where = (f"localhost/weighbridge/{image}:{VERSION}", role)
        podman("run", "--name", name, *how, *LIMITS, *LOCKED, *mounts, *self._settings, *where)

    def stop(self, role: str) -> None:
        """SIGTERM, and SIGKILL after the time of docker-compose.yml: which must not be needed."""
        name = f"weighbridge-trial-{role}"
        podman("stop", "--time", "30", name)
        code = podman("inspect", "--format", "{{.State.ExitCode}}", name).strip()
        if code != "0":
            raise Failed(f"{role} ended with {code}")

    def start(self, role: str) -> None:
        """The same container again."""
        podman("start", f"weighbridge-trial-{role}")

    def look_inside(self, role: str) -> None:
        """Its user, its rights, what it holds, and its health check."""
        podman("exec", f"weighbridge-trial-{role}", "python", "-c", LOOK)
        podman("healthcheck", "run", f"weighbridge-trial-{role}")

    def remove(self) -> None:
        """All of them, with their last lines where something failed."""
        for name in self.names:
            if sys.exc_info()[0]:
                print(f"--- {name}\n{podman('logs', '--tail', '30', name)}", file=sys.stderr)
            podman("rm", "--force", "--time", "5", name)


def podman(*arguments: str) -> str:
    """What podman says. Raises Failed."""
    ran = subprocess.run([*PODMAN, *arguments], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise Failed(
            f"podman {' '.join(arguments[:4])} … ended with {ran.returncode}: {ran.stderr}{ran.stdout}"
        )
    return ran.stdout + ran.stderr


@contextmanager
def stores(folder: Path, secrets: Path) -> Iterator[None]:
    """Postgres and Valkey with the passwords of the secrets, whose addresses become those of this machine."""
    with TcpPostgres(folder, durable=False) as postgres, EmbeddedValkey(folder, port=_free_port()) as valkey:
        password = (secrets / "POSTGRES_PASSWORD").read_text().strip()
        connection = psycopg2.connect(postgres.url)
        with connection, connection.cursor() as cursor:
            cursor.execute("ALTER USER weighbridge PASSWORD %s", (password,))
        connection.close()
        known = {"DATABASE_URL": ("@postgres/", "@127.0.0.1:5432/")}
        known["REDIS_URL"] = ("@valkey:6379/", f"@127.0.0.1:{valkey.port}/")
        for name, (there, here) in known.items():
            file = secrets / name
            text = file.read_text().replace(there, here)
            file.chmod(0o644)
            file.write_text(text)
        conf = (secrets / "VALKEY_CONF").read_text().split()
        Redis.from_url(valkey.url).config_set(*conf)
        yield


def main() -> None:
    """The command."""
    data = os.urandom(80 * MB)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weighbridge-images-")))
        folder.chmod(0o755)
        secrets, volume = folder / "secrets", folder / "volume"
        make_secrets.main(secrets)
        secrets.chmod(0o755)  # podman's root has lost the right to pass by
        volume.mkdir()
        os.chown(volume, UID, UID)
        hub = stack.enter_context(HubServer())
        hub.add_repo("org/smoke", {"model.gguf": data, "config.json": b"{}"})
        hub.throttle = 2 * MB
        stack.enter_context(stores(folder / "stores", secrets))
        port = _free_port()
        environment = {
            "WEIGHBRIDGE_SECRETS_DIR": "/run/secrets",
            "HF_ENDPOINT": hub.url,
            "PORT": str(port),
            "WEIGHBRIDGE_DISK_RESERVE_BYTES": "0",
            "WEIGHBRIDGE_DEFAULT_MODELS": "none",
        }
        containers = Containers(environment, volume, secrets)
        stack.callback(containers.remove)
        token = (secrets / "WEIGHBRIDGE_ADMIN_TOKEN").read_text().strip()
        _try_out(containers, Installation(f"http://127.0.0.1:{port}", token), data)
    print(f"The images {VERSION} passed.")


def _try_out(containers: Containers, here: Installation, data: bytes) -> None:
    for role, image in (("migrate", "api"), ("seed", "worker"), ("api", "api")):
        containers.run(role, image)
    for role in ("worker", "control"):
        containers.run(role, "worker")
    wish = Wish(
        "org/smoke",
        "model.gguf",
        hashlib.sha256(data).hexdigest(),
        drain=lambda: containers.stop("worker"),
        resume=lambda: containers.start("worker"),
    )
    smoke(here, wish)
    for role in ("api", "worker", "control"):
        containers.look_inside(role)
        containers.stop(role)
    print("users, rights, contents and health checks are right; all end by SIGTERM with 0")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    try:
        main()
    except Failed as error:
        sys.exit(f"The images failed. {error}")
