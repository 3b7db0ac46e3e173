"""What the Hub says about a repository, and its refusals in our own words.

huggingface_hub supplies the rules (repository names, headers, rate-limit headers). Its `list_repo_tree`
is not called: it has no timeout, sleeps as long as a Retry-After says, and follows a next page anywhere.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlsplit

import httpx2
from huggingface_hub.utils import build_hf_headers

from shared import hub_access, hub_preview
from shared.errors import (
    FileNotFound,
    GatedModelNoToken,
    HubOffline,
    HubUnavailable,
    InvalidHfToken,
    LicenseNotAccepted,
    RepoNotFound,
    WeighbridgeError,
)
from shared.hub_access import Access
from shared.hub_calls import hub_call, kind_of
from shared.hub_names import path_problem, repo_id_problem
from shared.hub_preview import RepoPreview
from shared.hub_refusals import refusal, unreachable

METADATA_TIMEOUT = 10.0
_EXPAND_FOUND = ("downloads", "gated", "lastModified", "library_name", "likes", "pipeline_tag", "private")
# Bytes. A page of 1,000 files has some 400 kB; a configuration of a real model some kB.
LARGEST_ANSWER = 16 << 20
LARGEST_CONFIG = 1 << 20
# A listing has 1,000 files a page; no real repository has a million files.
MOST_PAGES = 1000
# Bytes: what a database, and a file system, can count.
LARGEST = 2**63 - 1
_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_TOKEN = re.compile(r"[!-~]{1,4096}")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository at one commit: `size` in bytes, `oid` its sha256 (LFS) or git blob sha1.

    A path or oid that could lead out of the cache is refused with HubUnavailable.
    """

    path: str
    size: int
    oid: str
    is_lfs: bool

    def __post_init__(self) -> None:
        if problem := path_problem(self.path):
            raise HubUnavailable(f"The Hub lists a file whose name {problem}.")
        if not _OID.fullmatch(self.oid) or self.is_lfs != (len(self.oid) == 64):
            raise HubUnavailable(f"The Hub gives no usable checksum for {self.path}.")
        if not 0 <= self.size <= LARGEST:
            raise HubUnavailable(f"The Hub gives no usable size for {self.path}.")


@dataclass(frozen=True)
class Look:
    """What the Hub told of a repository: read, the model info as it came, and the files; None: refused."""

    preview: RepoPreview
    info: Mapping[str, Any]
    files: Sequence[RemoteFile] | None


class _NoSuchRange(HubUnavailable):
    """The Hub has no byte of this file where the first ones should be."""


class Hub:
    """The Hub at one endpoint, asked with one token or none; nothing is taken from disk or environment."""

    def __init__(
        self, endpoint: str, token: str | None, offline: bool, *, patience: float | None = None
    ) -> None:
        """`offline`: every call raises HubOffline and nothing is sent.

        `patience`: seconds from now for all calls together; then HubUnavailable, with the Hub's next sign of
        life or after METADATA_TIMEOUT seconds of silence, which count for each call without patience too.
        """
        self.endpoint = endpoint.rstrip("/")
        self.token = token
        self.offline = offline
        self._until = None if patience is None else time.monotonic() + patience

    def within(self, seconds: float) -> Self:
        """The same Hub, with so many seconds from now for all that it is asked."""
        return type(self)(self.endpoint, self.token, self.offline, patience=seconds)

    def files(self, repo: str, revision: str) -> tuple[str, list[RemoteFile], Mapping[str, Any]]:
        """The commit that a revision means now, every file at that commit, and the Hub's model info.

        Raises RepoNotFound, RevisionNotFound, GatedModelNoToken, LicenseNotAccepted, InvalidHfToken,
        HubRateLimited (fact `retry_after`: seconds or None), HubUnavailable or HubOffline.
        """
        with self._client() as client:
            commit, info = self._info(client, repo=repo, revision=revision, expand=hub_preview.EXPAND)
            files = [_remote_file(entry) for entry in self._tree(client, repo=repo, commit=commit)]
            return commit, files, info

    def look(self, repo: str, revision: str) -> dict[str, Any]:
        """What a preview is read from (`read_look`), as JSON to keep. Raises what `files` raises.

        A gated repository whose file list is refused is looked at without files.
        """
        with self._client() as client:
            commit, info = self._info(client, repo=repo, revision=revision, expand=hub_preview.EXPAND)
            entries: list[dict[str, Any]] | None = None
            try:
                entries = [_kept(entry) for entry in self._tree(client, repo=repo, commit=commit)]
            except (GatedModelNoToken, LicenseNotAccepted):
                if not hub_preview.gate(info):
                    raise
        told = {name: info[name] for name in hub_preview.EXPAND if name in info}
        return {"commit": commit, "info": told, "entries": entries}

    def search(self, text: str, limit: int) -> Any:
        """Repositories with `text` in their name, the most downloaded first, for `read_found`.

        Raises InvalidHfToken, HubRateLimited, HubUnavailable or HubOffline.
        """
        query = {"search": text, "limit": str(limit), "sort": "downloads", "expand": _EXPAND_FOUND}
        with self._client() as client:
            found, _ = self._get(client, "/api/models", query=query, subject="a search")
        return found[:limit] if isinstance(found, list) else found

    def access(self, repo: str) -> Access:
        """Whether the files of a repository could be fetched. A refusal is an answer, not an error.

        Raises HubRateLimited, HubUnavailable or HubOffline.
        """
        gated = None
        try:
            with self._client() as client:
                path = f"/api/models/{_checked_repo(repo)}"
                info, _ = self._get(client, path, query={"expand": ["gated"]}, subject=repo)
                gated = hub_preview.gate(info) if isinstance(info, dict) else None
                self._ask(client, f"{path}/auth-check", subject=repo)
        except WeighbridgeError as error:
            refused = hub_access.refused(error, gated, authenticated=self.token is not None)
            if refused is None:
                raise
            return refused
        return hub_access.granted(gated)

    def head(self, repo: str, commit: str, path: str, count: int) -> bytes:
        """The first bytes of a file, `count` at most, whatever the Hub sends.

        Raises FileNotFound, and what `files` raises.
        """
        url = f"/{_checked_repo(repo)}/resolve/{quote(commit, safe='')}/{quote(path)}"
        # Compressed, it would be other bytes.
        headers = {"Range": f"bytes=0-{count - 1}", "Accept-Encoding": "identity"}
        with self._client() as client:
            try:
                _, found = self._ask(
                    client, url, headers=headers, subject=path, most=count, missing=FileNotFound
                )
            except _NoSuchRange:  # an empty file
                return b""
        return found[:count]

    def json_file(self, repo: str, commit: str, path: str) -> Any:
        """What a JSON file holds. Raises what `head` raises; HubUnavailable if it is none or too long."""
        content = self.head(repo, commit, path, LARGEST_CONFIG + 1)
        if len(content) > LARGEST_CONFIG:
            raise HubUnavailable(f"{path} at the Hub is too long for what it should be.")
        return _json(content, path)

    def _client(self) -> httpx2.Client:
        if self.offline:
            raise HubOffline()
        headers = request_headers(self.token)
        return httpx2.Client(headers=headers, follow_redirects=True)

    def _info(
        self, client: httpx2.Client, *, repo: str, revision: str, **query: Sequence[str]
    ) -> tuple[str, dict[str, Any]]:
        path = f"/api/models/{_checked_repo(repo)}/revision/{quote(revision, safe='')}"
        answer, _ = self._get(client, path, query=query, subject=f"{repo} at {revision}")
        return _commit_of(answer, "sha", f"{repo} at {revision}"), answer

    def _tree(self, client: httpx2.Client, *, repo: str, commit: str) -> Iterator[dict[str, Any]]:
        path = f"/api/models/{repo}/tree/{commit}"
        query: dict[str, str] = {"recursive": "true", "expand": "false"}
        for _ in range(MOST_PAGES):
            page, response = self._get(client, path, query=query, subject=f"{repo} at {commit}")
            yield from _entries(page)
            following = _next_query(response)
            if following is None:
                return
            query = following
        raise HubUnavailable(f"The Hub's file list of {repo} has no end.")

    def _get(
        self, client: httpx2.Client, path: str, *, query: Mapping[str, str | Sequence[str]], subject: str
    ) -> tuple[Any, httpx2.Response]:
        response, content = self._ask(client, path, query=query, subject=subject)
        return _json(content, self.endpoint), response

    def _ask(
        self,
        client: httpx2.Client,
        path: str,
        *,
        query: Mapping[str, str | Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        subject: str,
        most: int | None = None,
        missing: type[WeighbridgeError] = RepoNotFound,
    ) -> tuple[httpx2.Response, bytes]:
        """Answer and body; with `most`, at least so much of it that there is (it may be longer)."""
        url = self.endpoint + path
        with hub_call(kind_of(path), url):
            try:
                with client.stream(
                    "GET", url, params=query, headers=headers, timeout=self._timeout()
                ) as response:
                    if not response.is_success:
                        if most is not None:
                            self._check_origin(response, subject)
                        raise self._refusal(response, subject=subject, missing=missing)
                    return response, self._body(response, most)
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
                raise unreachable(error, self.endpoint) from None

    def _timeout(self) -> float:
        if self._until is None:
            return METADATA_TIMEOUT
        left = self._until - time.monotonic()
        if left <= 0:
            raise HubUnavailable("The Hub takes too long to answer.")
        return min(METADATA_TIMEOUT, left)

    def _body(self, response: httpx2.Response, most: int | None) -> bytes:
        if most is not None:
            _check_part(response)
        content = bytearray()
        for piece in response.iter_bytes():
            content += piece
            self._timeout()
            if most is not None and len(content) >= most:
                break
            if len(content) > LARGEST_ANSWER:
                raise HubUnavailable("The Hub's answer has no end.")
        return bytes(content)

    def _check_origin(self, response: httpx2.Response, subject: str) -> None:
        """The store of files, to which the Hub redirects and no token goes, knows no gates."""
        here, there = httpx2.URL(self.endpoint), response.url
        if (there.scheme, there.host, there.port) != (here.scheme, here.host, here.port):
            raise HubUnavailable(f"The store of {subject} refuses the Hub's address.")

    def _refusal(
        self, response: httpx2.Response, *, subject: str, missing: type[WeighbridgeError]
    ) -> WeighbridgeError:
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return _NoSuchRange()
        authenticated = self.token is not None
        return refusal(
            response.status_code,
            response.headers,
            subject=subject,
            authenticated=authenticated,
            missing=missing,
        )


def read_look(said: Any, *, repo: str, revision: str) -> Look:
    """Read what `Hub.look` said, now or earlier. Raises HubUnavailable where it makes no sense."""
    commit = _commit_of(said, "commit", f"{repo} at {revision}")
    info, entries = said.get("info"), said.get("entries")
    if not isinstance(info, dict):
        raise HubUnavailable(f"The Hub says nothing of {repo}.")
    files = None if entries is None else [_remote_file(entry) for entry in _entries(entries)]
    preview = hub_preview.read(info, repo=repo, revision=revision, commit=commit, files=files)
    return Look(preview, info, files)


def read_found(said: Any) -> list[RepoPreview]:
    """Read what `Hub.search` said, now or earlier: as much of each as was asked for, and no files.

    What has no usable name is left out. Raises HubUnavailable where it makes no sense.
    """
    if not isinstance(said, list):
        raise HubUnavailable("The Hub answered a search with something that is no list.")
    infos = [info for info in said if isinstance(info, dict) and isinstance(info.get("id"), str)]
    return [
        hub_preview.read(info, repo=info["id"], revision="main", commit="", files=None)
        for info in infos
        if repo_id_problem(info["id"]) is None
    ]


def request_headers(token: str | None) -> dict[str, str]:
    """The headers of a request to the Hub; InvalidHfToken if the token has a form that no token has."""
    # Clients put a malformed header value into their error text, so it must not get that far.
    if token is not None and not _TOKEN.fullmatch(token):
        raise InvalidHfToken("The token holds a space, a line break or another character that no token has.")
    headers: dict[str, str] = build_hf_headers(token=token or False, library_name="weighbridge")
    return headers


def _json(content: bytes, subject: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise HubUnavailable(f"{subject} answered with something that is no JSON.") from None


def _check_part(response: httpx2.Response) -> None:
    """The beginning of a file was asked for; a server may send all of it instead."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise HubUnavailable("The Hub sends a file compressed, which was not asked for.")
    is_part = response.status_code == HTTPStatus.PARTIAL_CONTENT
    if is_part and not response.headers.get("content-range", "").startswith("bytes 0-"):
        raise HubUnavailable("The Hub answered with other bytes of a file than asked for.")


def _commit_of(said: Any, name: str, subject: str) -> str:
    commit = said.get(name) if isinstance(said, dict) else None
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise HubUnavailable(f"The Hub names no commit for {subject}.")
    return commit


def _entries(page: Any) -> list[dict[str, Any]]:
    if not isinstance(page, list) or not all(isinstance(entry, dict) for entry in page):
        raise HubUnavailable("The Hub answered with something that is no file list.")
    return [entry for entry in page if entry.get("type") == "file"]


def _kept(entry: dict[str, Any]) -> dict[str, Any]:
    """What `_remote_file` reads of a file's entry."""
    kept = {name: entry[name] for name in ("type", "path", "size", "oid") if name in entry}
    lfs = entry.get("lfs")
    return kept | ({"lfs": {"size": lfs.get("size"), "oid": lfs.get("oid")}} if isinstance(lfs, dict) else {})


def _next_query(response: httpx2.Response) -> dict[str, str] | None:
    """Of the next page's address only the query is used: the token never follows it elsewhere."""
    try:
        following = response.links.get("next", {}).get("url")
        return dict(parse_qsl(urlsplit(following).query)) if following else None
    except ValueError:
        raise HubUnavailable("The Hub's file list goes on at an address that is none.") from None


def _remote_file(entry: dict[str, Any]) -> RemoteFile:
    lfs = entry.get("lfs")
    facts = lfs if isinstance(lfs, dict) else entry
    size = facts.get("size")
    return RemoteFile(
        path=str(entry.get("path", "")),
        size=size if isinstance(size, int) else -1,
        oid=str(facts.get("oid", "")),
        is_lfs=facts is lfs,
    )


def _checked_repo(repo: str) -> str:
    if problem := repo_id_problem(repo):
        raise RepoNotFound(problem)
    return repo
