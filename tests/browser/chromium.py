"""The Chromium that the browser tests drive.

`python -m tests.browser.chromium` installs one where there is none. That is a step of its own before the
tests, so that no test waits for a download.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
OF_MACOS = ("Google Chrome", "Chromium", "Microsoft Edge")
ADVICE = (
    "there is no Chromium here for the browser tests to drive. Install one (Debian, as root: apt-get install "
    "chromium; elsewhere: .venv/bin/python -m playwright install chromium), or say where it is: "
    "BROWSER=/path/to/chromium make test"
)
# Seconds for the whole of an installation.
LONGEST_INSTALL = 600


def find() -> str | None:
    """The first that answers: $BROWSER, one on the PATH, an application of macOS, Playwright's own."""
    return next((path for path in _candidates() if _answers(path)), None)


def is_required() -> bool:
    """Whether a machine without a browser fails the tests, instead of skipping those that want one."""
    return os.environ.get("REQUIRE_BROWSER") == "1"


def main() -> int:
    """Print the path, after an installation if that is needed; 1 when there is none and one is required."""
    path = find()
    for install in _ways_to_install():
        if path is None:
            path = find() if install() else None
    if path is None:
        result = "REQUIRE_BROWSER=1 wants them" if is_required() else "They are skipped"
        print(f"weighbridge: {ADVICE}. {result}.", file=sys.stderr)
        return 1 if is_required() else 0
    print(f"The browser tests drive {path}")
    return 0


def _candidates() -> Iterator[str]:
    # $BROWSER may be another one or an editor's helper, which opens what it is given.
    named = os.environ.get("BROWSER", "")
    if "chrom" in os.path.basename(named).lower():
        yield named
    yield from filter(None, map(shutil.which, NAMES))
    yield from (f"/Applications/{name}.app/Contents/MacOS/{name}" for name in OF_MACOS)
    # In a process of its own: one that speaks to Playwright's driver can't start a second one.
    code = "from playwright.sync_api import *\nwith sync_playwright() as p: print(p.chromium.executable_path)"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    yield asked.stdout.strip()


def _answers(path: str) -> bool:
    """Ubuntu's chromium-browser may be a script that only says to install a snap."""
    try:
        asked = subprocess.run([path, "--version"], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _ways_to_install() -> list[Callable[[], bool]]:
    ways = [_install_by_playwright]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        ways.insert(0, _install_by_apt)
    return ways


def _install_by_apt() -> bool:
    options = ("install", "--yes", "--quiet", "--no-install-recommends", "chromium")
    return _run(["apt-get", "update", "--quiet"]) and _run(["apt-get", *options])


def _install_by_playwright() -> bool:
    return _run([sys.executable, "-m", "playwright", "install", "chromium"])


def _run(command: Sequence[str]) -> bool:
    """Run quietly; what it printed is shown if it fails."""
    print(f"Installing a Chromium for the browser tests: {' '.join(command)}", flush=True)
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        ran = subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LONGEST_INSTALL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        print(f"It did not end within {LONGEST_INSTALL} s.", file=sys.stderr)
        return False
    if ran.returncode:
        print(ran.stdout.decode(errors="replace"), file=sys.stderr)
    return ran.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
