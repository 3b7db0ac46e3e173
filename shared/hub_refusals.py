"""What the Hub means by an answer that is none, and why no answer came: in our own words."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx2
from huggingface_hub.utils import parse_ratelimit_headers

from shared.errors import (
    AccessDenied,
    AccessPending,
    FileNotFound,
    GatedModelNoToken,
    HubRateLimited,
    HubUnavailable,
    InvalidHfToken,
    LicenseNotAccepted,
    RepoNotFound,
    RevisionNotFound,
    WeighbridgeError,
)

# Seconds. Whatever a server says beyond, nobody waits for.
_LONGEST_WAIT = 1e9


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
    message = headers.get("x-error-message", "")
    named = _named_refusal(headers.get("x-error-code", ""), message, subject, authenticated)
    if named:
        return named
    if message.startswith("Invalid credentials"):
        return InvalidHfToken()
    if "fine-grained token settings" in message:
        return InvalidHfToken(
            "The token is a fine-grained one that may not read gated repositories.",
            remedy="Allow it access to public gated repositories in its settings at the Hub, "
            "or give a token that reads all that its owner may read.",
        )
    return _plain_refusal(status, subject=subject, authenticated=authenticated, missing=missing)


def is_passing(status: int) -> bool:
    """Whether an error answer may be gone a moment later."""
    passing = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
    return status in passing or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _named_refusal(code: str, message: str, subject: str, authenticated: bool) -> WeighbridgeError | None:
    match code:
        case "GatedRepo":
            return _at_the_gate(message) if authenticated else GatedModelNoToken()
        case "RevisionNotFound":
            return RevisionNotFound(f"The Hub has no such revision: {subject}.")
        case "EntryNotFound":
            return FileNotFound(f"The Hub has no such file: {subject}.")
        case "RepoNotFound":
            return RepoNotFound(f"The Hub has no such repository, or it is private: {subject}.")
    return None


def _at_the_gate(message: str) -> WeighbridgeError:
    """How a request for access stands, which only the message tells; by default as if there were none."""
    if "awaiting a review" in message:
        return AccessPending()
    if "has been rejected" in message:
        return AccessDenied()
    return LicenseNotAccepted()


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
