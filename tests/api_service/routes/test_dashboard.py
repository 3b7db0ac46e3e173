"""The built pages as the API serves them, with a small build in place of the real one."""

import gzip
from pathlib import Path

import pytest

from api_service.routes.dashboard import FOLDER
from tests.conftest import Api

PAGE = b"<!doctype html><title>Weighbridge</title>"
SCRIPT = b"console.log('weighbridge')"
FOREVER = "public, max-age=31536000, immutable"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@pytest.fixture(autouse=True)
def dist(api: Api, tmp_path: Path) -> Path:
    """A build in a folder beside a file that is nobody's business."""
    folder = tmp_path / "dist"
    files = {
        "index.html": PAGE,
        "index.html.br": b"brotli:page",
        "favicon.svg": b"<svg/>",
        "assets/main-3f2a.js": SCRIPT,
        "assets/main-3f2a.js.br": b"brotli:script",
        "assets/main-3f2a.js.gz": gzip.compress(SCRIPT),
        "assets/inter-77ab.woff2": b"font",
        "../secret.txt": b"secret",
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    api.client.application.config[FOLDER] = folder
    return folder


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/sign-in",
        "/models",
        "/models/",
        "/models/12",
        "/models/new",
        "/settings",
        "/a/b.c",
        "/apis",
        "/index.html",
    ],
)
def test_every_path_of_the_dashboard_is_its_page(api: Api, path: str) -> None:
    page = api.get(path, token=None)
    assert (page.status_code, page.data, page.content_type) == (200, PAGE, "text/html; charset=utf-8")
    assert page.headers["Cache-Control"] == "no-cache"
    assert page.headers["ETag"]


def test_the_pages_allow_nothing_from_outside(api: Api) -> None:
    for path in ("/", "/favicon.svg", "/assets/main-3f2a.js"):
        headers = api.get(path, token=None).headers
        assert headers["Content-Security-Policy"] == POLICY
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_a_file_with_its_hash_in_the_name_is_kept_for_good(api: Api) -> None:
    script = api.get("/assets/main-3f2a.js", token=None)
    assert (script.data, script.content_type) == (SCRIPT, "text/javascript; charset=utf-8")
    assert script.headers["Cache-Control"] == FOREVER
    assert api.get("/assets/inter-77ab.woff2", token=None).content_type == "font/woff2"


def test_a_file_of_any_other_name_is_asked_for_anew(api: Api) -> None:
    icon = api.get("/favicon.svg", token=None)
    assert (icon.data, icon.mimetype, icon.headers["Cache-Control"]) == (
        b"<svg/>",
        "image/svg+xml",
        "no-cache",
    )


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("br;q=0, *", "gzip"),
        ("*", "br"),
        ("identity;q=1, br;q=0.5", None),
        ("gzip;q=0, br;q=0", None),
        ("zstd", None),
        ("", None),
        (None, None),
    ],
)
def test_the_smallest_copy_that_the_caller_takes_is_served(
    api: Api, accepted: str | None, coding: str | None
) -> None:
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    script = api.get("/assets/main-3f2a.js", token=None, headers=headers)
    expected = {"br": b"brotli:script", "gzip": gzip.compress(SCRIPT), None: SCRIPT}
    assert script.headers.get("Content-Encoding") == coding
    assert len(script.data) == int(script.headers["Content-Length"]) == len(expected[coding])
    assert script.content_type == "text/javascript; charset=utf-8"
    assert script.headers["Vary"] == "Accept-Encoding"
    assert script.headers["Cache-Control"] == FOREVER


def test_a_copy_that_was_not_built_is_not_served(api: Api) -> None:
    page = api.get("/models", token=None, headers={"Accept-Encoding": "gzip"})
    assert (page.headers.get("Content-Encoding"), page.data) == (None, PAGE)
    page = api.get("/models", token=None, headers={"Accept-Encoding": "gzip, br"})
    assert (page.headers["Content-Encoding"], page.data) == ("br", b"brotli:page")


@pytest.mark.parametrize("path", ["/", "/favicon.svg", "/assets/main-3f2a.js"])
@pytest.mark.parametrize("accepted", ["identity", "br"])
def test_what_the_caller_has_is_not_sent_again(api: Api, path: str, accepted: str) -> None:
    headers = {"Accept-Encoding": accepted}
    first = api.get(path, token=None, headers=headers)
    again = api.get(path, token=None, headers=headers | {"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary"):
        assert again.headers[name] == first.headers[name]


def test_each_copy_has_an_etag_of_its_own(api: Api) -> None:
    tags = {
        api.get("/assets/main-3f2a.js", token=None, headers={"Accept-Encoding": accepted}).headers["ETag"]
        for accepted in ("identity", "gzip", "br")
    }
    assert len(tags) == 3


@pytest.mark.parametrize("path", ["/models", "/assets/main-3f2a.js"])
def test_a_head_request_gets_the_headers_alone(api: Api, path: str) -> None:
    head, got = (api.call(method, path, token=None) for method in ("HEAD", "GET"))
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Cache-Control", "Content-Security-Policy"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize(
    "path", ["/assets/gone.js", "/assets/../index.html", "/assets/", "/assets/main-3f2a.js.br"]
)
def test_an_asset_that_is_not_there_is_not_the_page(api: Api, path: str) -> None:
    missing = api.get(path)
    assert (missing.status_code, missing.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize(
    "path", ["/api", "/api/nothing", "/api/models/x/y", "/healthz/x", "/metrics/x", "/assets"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_what_is_missing_elsewhere_stays_missing(api: Api, path: str, method: str) -> None:
    missing = api.call(method, path)
    assert (missing.status_code, missing.json["code"]) == (404, "NOT_FOUND")
    assert api.call(method, path, token=None).status_code == 401


@pytest.mark.parametrize("path", ["/", "/sign-in", "/models", "/assets/main-3f2a.js"])
def test_a_page_takes_no_writes(api: Api, path: str) -> None:
    refused = api.post(path, {})
    assert (refused.status_code, refused.json["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert api.post(path, {}, token=None).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/..%5csecret.txt",
        "/assets/../../secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/models//../../secret.txt",
        "/assets//../../secret.txt",
        "/%00secret.txt",
        f"/{'x' * 5000}",
    ],
)
def test_nothing_outside_the_build_is_served(api: Api, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code in (200, 308, 404)
    assert answer.status_code != 200 or answer.data == PAGE
    assert answer.status_code != 308 or answer.location.startswith("http://localhost/")


def test_an_absolute_path_is_not_served(api: Api, dist: Path) -> None:
    answer = api.get(f"/%2f{str(dist.parent)[1:]}/secret.txt", token=None)
    assert b"secret" not in answer.data


def test_a_new_build_is_served_at_once(api: Api, dist: Path) -> None:
    before = api.get("/", token=None)
    (dist / "index.html").write_bytes(b"a new and longer page")
    after = api.get("/", token=None, headers={"If-None-Match": before.headers["ETag"]})
    assert (after.status_code, after.data) == (200, b"a new and longer page")


@pytest.mark.parametrize("path", ["/", "/sign-in"])
def test_without_a_build_people_land_on_the_documentation(api: Api, tmp_path: Path, path: str) -> None:
    api.client.application.config[FOLDER] = tmp_path / "nothing"
    answer = api.get(path, token=None)
    # A browser keeps what stands behind # over a redirect: the sign-in link still brings its token.
    assert (answer.status_code, answer.location) == (302, "/api/docs")


@pytest.mark.parametrize("path", ["/models", "/assets/main-3f2a.js", "/favicon.svg"])
def test_without_a_build_nothing_else_is_there(api: Api, tmp_path: Path, path: str) -> None:
    api.client.application.config[FOLDER] = tmp_path / "nothing"
    missing = api.get(path, token=None)
    assert (missing.status_code, missing.json["code"]) == (404, "NOT_FOUND")
