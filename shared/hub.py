"""What the Hub says about a repository, and its refusals in our own words.

huggingface_hub supplies the rules (repository names, headers, rate-limit headers). Its `list_repo_tree`
is not called: it has no timeout, sleeps as long as a Retry-After says, and follows a next page anywhere.
"""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx2
from huggingface_hub.utils import build_hf_headers, parse_ratelimit_headers

from shared import hub_preview
from shared.errors import (
    FileNotFound,
    GatedModelNoToken,
    HubOffline,
    HubRateLimited,
    HubUnavailable,
    InvalidHfToken,
    LicenseNotAccepted,
    RepoNotFound,
    RevisionNotFound,
    WeighbridgeError,
)
from shared.hub_names import path_problem, repo_id_problem
from shared.hub_preview import RepoPreview

METADATA_TIMEOUT = 10.0
# A listing has 1,000 files a page; no real repository has a million files.
MOST_PAGES = 1000
# Bytes: what a database, and a file system, can count.
LARGEST = 2**63 - 1
_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
# Seconds. Whatever a server says beyond, nobody waits for.
_LONGEST_WAIT = 1e9
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


class Hub:
    """The Hub at one endpoint, asked with one token or none; nothing is taken from disk or environment."""

    def __init__(self, endpoint: str, token: str | None, offline: bool) -> None:
        """`offline`: every call raises HubOffline and nothing is sent."""
        self.endpoint = endpoint.rstrip("/")
        self.token = token
        self.offline = offline

    def files(self, repo: str, revision: str) -> tuple[str, list[RemoteFile]]:
        """The commit that a revision means now, and every file of the repository at that commit.

        Raises RepoNotFound, RevisionNotFound, GatedModelNoToken, LicenseNotAccepted, InvalidHfToken,
        HubRateLimited (fact `retry_after`: seconds or None), HubUnavailable or HubOffline.
        """
        with self._client() as client:
            commit, _ = self._info(client, repo=repo, revision=revision)
            return commit, self._files(client, repo=repo, commit=commit)

    def preview(self, repo: str, revision: str) -> RepoPreview:
        """What the Hub tells of a repository, and what of it can be downloaded. Raises what `files` raises.

        A gated repository whose file list is refused has a preview without files.
        """
        with self._client() as client:
            commit, info = self._info(client, repo=repo, revision=revision, expand=hub_preview.EXPAND)
            files: list[RemoteFile] | None = None
            try:
                files = self._files(client, repo=repo, commit=commit)
            except (GatedModelNoToken, LicenseNotAccepted):
                if not hub_preview.gate(info):
                    raise
        return hub_preview.read(info, repo=repo, revision=revision, commit=commit, files=files)

    def _client(self) -> httpx2.Client:
        if self.offline:
            raise HubOffline()
        headers = request_headers(self.token)
        return httpx2.Client(headers=headers, timeout=METADATA_TIMEOUT, follow_redirects=True)

    def _info(
        self, client: httpx2.Client, *, repo: str, revision: str, **query: Sequence[str]
    ) -> tuple[str, dict[str, Any]]:
        path = f"/api/models/{_checked_repo(repo)}/revision/{quote(revision, safe='')}"
        answer = self._get(client, path, query=query, subject=f"{repo} at {revision}").json()
        commit = answer.get("sha") if isinstance(answer, dict) else None
        if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
            raise HubUnavailable(f"The Hub names no commit for {repo} at {revision}.")
        return commit, answer

    def _files(self, client: httpx2.Client, *, repo: str, commit: str) -> list[RemoteFile]:
        return [_remote_file(entry) for entry in self._tree(client, repo=repo, commit=commit)]

    def _tree(self, client: httpx2.Client, *, repo: str, commit: str) -> Iterator[dict[str, Any]]:
        path = f"/api/models/{repo}/tree/{commit}"
        query: dict[str, str] = {"recursive": "true", "expand": "false"}
        for _ in range(MOST_PAGES):
            response = self._get(client, path, query=query, subject=f"{repo} at {commit}")
            yield from _entries(response)
            following = _next_query(response)
            if following is None:
                return
            query = following
        raise HubUnavailable(f"The Hub's file list of {repo} has no end.")

    def _get(
        self, client: httpx2.Client, path: str, *, query: Mapping[str, str | Sequence[str]], subject: str
    ) -> httpx2.Response:
        try:
            response = client.get(self.endpoint + path, params=query)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise unreachable(error, self.endpoint) from None
        if not response.is_success:
            authenticated = self.token is not None
            raise refusal(
                response.status_code, response.headers, subject=subject, authenticated=authenticated
            )
        try:
            response.json()
        except (ValueError, RecursionError):
            raise HubUnavailable(f"{self.endpoint} answered with something that is no JSON.") from None
        return response


def request_headers(token: str | None) -> dict[str, str]:
    """The headers of a request to the Hub; InvalidHfToken if the token has a form that no token has."""
    # Clients put a malformed header value into their error text, so it must not get that far.
    if token is not None and not _TOKEN.fullmatch(token):
        raise InvalidHfToken("The token holds a space, a line break or another character that no token has.")
    headers: dict[str, str] = build_hf_headers(token=token or False, library_name="weighbridge")
    return headers


def refusal(
    status: int,
    headers: Mapping[str, str],
    *,
    subject: str,
    authenticated: bool,
    missing: type[WeighbridgeError] = RepoNotFound,
) -> WeighbridgeError:
    """What the Hub means by an error answer.

    `subject` is what was asked for, in words; `authenticated` whether a token was sent; `missing` what a
    404 without the Hub's own code means. The answer's text is never repeated: it may echo the request.
    """
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return HubRateLimited(retry_after=retry_after(headers))
    if is_passing(status):
        return HubUnavailable(f"The Hub answered {_phrase(status)}.", retry_after=retry_after(headers))
    named = _named_refusal(headers.get("x-error-code", ""), subject, authenticated)
    if named:
        return named
    if headers.get("x-error-message", "").startswith("Invalid credentials"):
        return InvalidHfToken()
    return _plain_refusal(status, subject=subject, authenticated=authenticated, missing=missing)


def is_passing(status: int) -> bool:
    """Whether an error answer may be gone a moment later."""
    passing = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
    return status in passing or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _named_refusal(code: str, subject: str, authenticated: bool) -> WeighbridgeError | None:
    match code:
        case "GatedRepo":
            kind = LicenseNotAccepted if authenticated else GatedModelNoToken
            return kind()
        case "RevisionNotFound":
            return RevisionNotFound(f"The Hub has no such revision: {subject}.")
        case "EntryNotFound":
            return FileNotFound(f"The Hub has no such file: {subject}.")
        case "RepoNotFound":
            return RepoNotFound(f"The Hub has no such repository, or it is private: {subject}.")
    return None


def _plain_refusal(
    status: int, *, subject: str, authenticated: bool, missing: type[WeighbridgeError]
) -> WeighbridgeError:
    if status == HTTPStatus.UNAUTHORIZED:
        # Without a token the Hub says 401 for what does not exist, so as not to tell what is private.
        return InvalidHfToken() if authenticated else RepoNotFound()
    if status == HTTPStatus.FORBIDDEN:
        return (
            LicenseNotAccepted(f"The token may not read {subject}.") if authenticated else GatedModelNoToken()
        )
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return missing(f"The Hub does not have {subject}.")
    return HubUnavailable(f"The Hub answered {_phrase(status)} for {subject}.")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks us to wait: by Retry-After or by the Hub's own rate-limit header."""
    said = headers.get("retry-after", "").strip()
    if said.isdecimal():
        return min(float(said), _LONGEST_WAIT)
    if said:
        return _seconds_until(said)
    try:
        limits = parse_ratelimit_headers({"ratelimit": headers.get("ratelimit", "")})
    except ValueError:  # a number of thousands of digits
        return None
    return min(limits.reset_in_seconds, _LONGEST_WAIT) if limits and limits.remaining == 0 else None


def _seconds_until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def unreachable(error: BaseException, address: str) -> HubUnavailable:
    """Why no answer came: DNS, TLS, a timeout or the connection; `address` is an endpoint or a URL."""
    host = urlsplit(address).hostname or address
    chain = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in chain):
        return HubUnavailable(f"The name {host} can't be resolved (DNS).")
    for cause in chain:
        if isinstance(cause, ssl.SSLError):
            return HubUnavailable(f"No secure connection to {host} (TLS: {_tls_reason(cause)}).")
    if any(isinstance(cause, TimeoutError | httpx2.TimeoutException) for cause in chain):
        return HubUnavailable(f"No answer from {host} in time (timeout).")
    reason = next((cause.strerror for cause in chain if isinstance(cause, OSError) and cause.strerror), None)
    return HubUnavailable(f"The connection to {host} failed ({reason or type(error).__name__}).")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _tls_reason(error: ssl.SSLError) -> str:
    return getattr(error, "verify_message", None) or error.reason or "handshake failed"


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _entries(response: httpx2.Response) -> list[dict[str, Any]]:
    page = response.json()
    if not isinstance(page, list) or not all(isinstance(entry, dict) for entry in page):
        raise HubUnavailable("The Hub answered with something that is no file list.")
    return [entry for entry in page if entry.get("type") == "file"]


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
