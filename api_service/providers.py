"""Test the connection to a provider of hosted models, through the openai package; spends no token."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx2
import openai
from openai import AzureOpenAI, OpenAI
from sqlalchemy.orm import Session

from shared import registry
from shared.errors import ValidationError
from shared.outbound import AddressRefused, Door
from shared.secrets import SecretBox
from shared.tables import ModelType, Provider

# Seconds for the whole test, however many requests it takes.
LIMIT = 10
# The newest generally available version of Azure's data plane when this was written.
DEFAULT_AZURE_VERSION = "2024-10-21"
# A reply lists some hundreds of models at most; more would not help anybody.
MOST_MODELS = 1000


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where to connect, and with which key (never shown)."""

    provider: Provider
    base_url: str
    api_key: str | None = field(repr=False)
    api_version: str | None = None
    deployment: str | None = None
    key_withheld: bool = False  # a stored key exists, but the address is not the one that it was stored for
    # The stored connection, where the request changes nothing about it.
    stored: tuple[Any, ...] | None = field(default=None, repr=False)


class Diagnosis(Exception):
    """Why the connection does not work: a code, what happened, what to do."""

    def __init__(self, code: str, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.failure = {"code": code, "detail": detail, "remedy": remedy}


def target(session: Session, fields: Mapping[str, Any], *, secrets: SecretBox) -> Target:
    """Join the request with the stored model, if it names one. Raises ModelNotFound, ValidationError.

    The stored key goes only to the stored provider at the stored address.
    """
    given = {name: value for name, value in fields.items() if name != "model_id"}
    stored: dict[str, Any] = {}
    if "model_id" in fields:
        model = registry.get(session, fields["model_id"])
        if model.type is not ModelType.HOSTED_LLM:
            raise ValidationError({"model_id": ["Names a local model; only hosted ones have a connection."]})
        stored = {
            name: getattr(model, name) for name in ("provider", "base_url", "api_version", "deployment")
        }
        if all(name in stored and given[name] == stored[name] for name in given):
            given |= {"stored": registry.connection_of(model)}
        moved = any(given.get(name, stored[name]) != stored[name] for name in ("provider", "base_url"))
        if "api_key" not in given and model.api_key_encrypted:
            given |= {"key_withheld": True} if moved else {"api_key": secrets.get(model, "api_key")}
    joined = {"api_key": None, "base_url": None} | stored | given
    if joined["provider"] is Provider.OPENAI:
        joined["base_url"] = joined["base_url"] or registry.OPENAI_BASE_URL
    if not joined["base_url"]:
        raise ValidationError({"base_url": ["Is required for Azure OpenAI."]})
    return Target(**joined)


def test_connection(where: Target, door: Door) -> dict[str, Any]:
    """Ask for the list of models or deployments, 10 s at most; never raises for what the provider does."""
    began = time.monotonic()
    models: list[str] = []
    failure = None
    try:
        models = _within_limit(where, door)
    except Diagnosis as diagnosis:
        failure = diagnosis.failure
    return {
        "ok": failure is None,
        "latency_ms": round(1000 * (time.monotonic() - began)),
        "models": models,
        "error": failure,
    }


def _within_limit(where: Target, door: Door) -> list[str]:
    if where.key_withheld:
        raise Diagnosis(
            "API_KEY_REQUIRED",
            "The stored key is only sent to the address that it was stored with.",
            "Enter the key for the new address.",
        )
    # httpx's timeout counts each read anew, so a server that trickles would hold the request for ever.
    with door.client(timeout=LIMIT) as http:
        pool = ThreadPoolExecutor(1, thread_name_prefix="test-connection")
        try:
            return pool.submit(_ask, where, http).result(timeout=LIMIT)
        except OutOfTime:
            raise _timed_out() from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _ask(where: Target, http: httpx2.Client) -> list[str]:
    try:
        if where.provider is Provider.AZURE_OPENAI:
            return _azure(where, http)
        client = OpenAI(
            base_url=where.base_url, api_key=where.api_key or "none", http_client=http, max_retries=0
        )
        return _names(client.models.with_raw_response.list().http_response)
    except AddressRefused:
        raise Diagnosis(
            "ADDRESS_NOT_ALLOWED",
            "The address is in a private network, which this installation does not reach.",
            "Have its operator add the host to WEIGHBRIDGE_ALLOWED_PRIVATE_HOSTS.",
        ) from None
    except openai.APIStatusError as error:
        raise _of_status(error.status_code) from None
    except openai.APITimeoutError:
        raise _timed_out() from None
    except openai.APIConnectionError as error:
        raise _of_connection(error) from None
    except (openai.OpenAIError, httpx2.InvalidURL, ValueError, RecursionError):
        raise _wrong_url("The provider's answer can't be read.") from None


def _azure(where: Target, http: httpx2.Client) -> list[str]:
    client = AzureOpenAI(
        base_url=f"{_azure_endpoint(where.base_url)}/openai",
        api_key=where.api_key or "none",
        api_version=where.api_version or DEFAULT_AZURE_VERSION,
        http_client=http,
        max_retries=0,
    )
    try:
        deployments = _names(client.get("/deployments", cast_to=httpx2.Response))
    except openai.NotFoundError:
        # Newer API versions list the models of the resource, not its deployments.
        models = _names(client.models.with_raw_response.list().http_response)
        _probe_deployment(where, client)
        return models
    if where.deployment and where.deployment not in deployments:
        raise _no_deployment(where)
    return deployments


def _azure_endpoint(base_url: str) -> str:
    """The resource's address, whether a person pasted it with or without `/openai…` behind."""
    return base_url.rstrip("/").split("/openai", 1)[0]


def _probe_deployment(where: Target, client: AzureOpenAI) -> None:
    """Send a chat without messages: refused before a token is spent, where the deployment exists."""
    if not where.deployment:
        return
    try:
        path = f"/deployments/{where.deployment}/chat/completions"
        client.post(path, body={"messages": []}, cast_to=httpx2.Response)
    except openai.NotFoundError as error:
        if error.code == "DeploymentNotFound":
            raise _no_deployment(where) from None
    except openai.BadRequestError:
        return  # it is there, and dislikes the empty chat as it should


def _names(answer: httpx2.Response) -> list[str]:
    told = answer.json() if "json" in answer.headers.get("content-type", "") else None
    listed = told.get("data") if isinstance(told, dict) else None
    if not isinstance(listed, list):
        raise ValueError("not a list of models")
    return sorted(
        str(entry["id"]) for entry in listed[:MOST_MODELS] if isinstance(entry, dict) and "id" in entry
    )


# Diagnoses. Own words only: providers echo keys in theirs.


def _of_status(status: int) -> Diagnosis:
    known: dict[int, Callable[[], Diagnosis]] = {
        HTTPStatus.UNAUTHORIZED: lambda: Diagnosis(
            "INVALID_API_KEY", "The provider rejected the API key.", "Check the key, or make a new one."
        ),
        HTTPStatus.FORBIDDEN: lambda: Diagnosis(
            "PERMISSION_DENIED",
            "The provider knows the key but refuses access.",
            "Give the key access to models, or allow this network at the provider.",
        ),
        HTTPStatus.NOT_FOUND: lambda: _wrong_url("There is no such API at this address (404)."),
        HTTPStatus.TOO_MANY_REQUESTS: lambda: Diagnosis(
            "PROVIDER_RATE_LIMITED",
            "The provider asks to slow down.",
            "Try again in a minute, or check the quota.",
        ),
    }
    if status in known:
        return known[status]()
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return _wrong_url(f"The address redirects elsewhere ({status}); redirects are not followed.")
    return Diagnosis("PROVIDER_ERROR", f"The provider answered with status {status}.", "Try again later.")


def _of_connection(error: BaseException) -> Diagnosis:
    causes = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return Diagnosis("DNS_FAILED", "The host name can't be resolved.", "Check the host in the base URL.")
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Diagnosis(
            "TLS_FAILED",
            "A secure connection can't be made: the certificate is not trusted, or the server speaks no TLS.",
            "Check https and the port, or have the server's certificate trusted on this machine.",
        )
    if any(isinstance(cause, httpx2.UnsupportedProtocol | httpx2.InvalidURL) for cause in causes):
        return _wrong_url("The address can't be used.")
    return Diagnosis(
        "CONNECTION_FAILED",
        "Nobody answers at this address.",
        "Check host and port, and that the server runs.",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _timed_out() -> Diagnosis:
    return Diagnosis(
        "TIMEOUT", f"No answer within {LIMIT} seconds.", "Check the address and the network, then retry."
    )


def _wrong_url(detail: str) -> Diagnosis:
    return Diagnosis("WRONG_URL", detail, "Check the base URL; for OpenAI it ends in /v1.")


def _no_deployment(where: Target) -> Diagnosis:
    return Diagnosis(
        "DEPLOYMENT_NOT_FOUND",
        f"The resource has no deployment named {where.deployment}.",
        "Check the deployment's name in the Azure portal.",
    )
