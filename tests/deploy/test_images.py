"""What the images are made of, read off their recipe. (Built and run: tests/images/try_out.py.)"""

import re

import pytest

from shared.settings import setting_names
from tests.conftest import ROOT

DOCKERFILE = (ROOT / "deploy/images/Dockerfile").read_text()
FINAL = DOCKERFILE[DOCKERFILE.index("FROM scratch AS ground") :]
OF_PYTHON = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")


def _of(word: str, text: str = DOCKERFILE) -> list[str]:
    """What follows each instruction of this kind."""
    lines = re.sub(r"\\\n(\s*#.*\n)*", " ", text).splitlines()
    return [line.removeprefix(f"{word} ") for line in lines if line.startswith(f"{word} ")]


def test_the_base_is_pinned_to_a_full_version_and_no_other_is_used() -> None:
    (base,) = _of("ARG")
    assert re.fullmatch(r"BASE=python:\d+\.\d+\.\d+-slim-\w+", base)
    origins, names = zip(*(stage.split(" AS ") for stage in _of("FROM")), strict=True)
    assert set(origins) <= {"${BASE}", "scratch", *names}


def test_the_services_run_as_a_user_of_a_fixed_number_and_nothing_changes_that() -> None:
    assert _of("USER") == _of("USER", FINAL) == ["10001:10001"]
    assert _of("RUN", FINAL) == []


def test_each_image_has_a_health_check_that_exists_in_it() -> None:
    commands = re.findall(r"^HEALTHCHECK .* CMD (.*)$", FINAL, re.MULTILINE)
    assert commands == ['["python", "-m", "deploy.healthy"]', '["python", "-m", "worker_service.alive"]']
    assert "deploy/healthy.py" in DOCKERFILE


def test_what_is_set_in_the_images_are_settings() -> None:
    variables = set(re.findall(r"\b([A-Z][A-Z_]+)=", " ".join(_of("ENV", FINAL))))
    assert {"HOST", "WEIGHBRIDGE_HEARTBEAT_FILE"} <= variables
    assert variables - set(setting_names()) == {*OF_PYTHON, "HOME", "LANG", "PATH"}


def test_all_that_is_copied_reaches_the_build_and_no_secret_does() -> None:
    rules = [rule for rule in (ROOT / ".dockerignore").read_text().splitlines() if rule and rule[0] != "#"]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = [word for line in _of("COPY") if "--from" not in line for word in line.split()[:-1]]
    for path in copied:
        let_in = any(path == rule or path.startswith(f"{rule}/") for rule in allowed)
        assert let_in or (path.startswith("deploy/images/") and path.endswith(".sh")), path
        assert (ROOT / path).exists(), path
    assert not allowed & {"secrets", ".env", "weighbridge.env", "deploy", ".git"}


@pytest.mark.parametrize("package", ["api_service", "worker_service", "shared", "migrations"])
def test_nothing_in_the_images_imports_what_is_not_in_them(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        assert not re.search(r"^\s*(from|import) (tests|deploy)\b", path.read_text(), re.MULTILINE), path


def test_the_build_gets_mirrors_as_secrets_that_no_layer_keeps() -> None:
    fetching = [line for line in _of("RUN") if re.search(r"\b(pip (install|sync)|npm ci)\b", line)]
    assert len(fetching) == 4
    for line in fetching:
        assert "--mount=type=secret,id=mirrors --mount=type=secret,id=ca" in line
        assert "with-mirrors.sh" in line
    assert "INDEX" not in DOCKERFILE
