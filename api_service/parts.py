"""The parts that a request needs, joined once by create_app."""

from dataclasses import dataclass

from flask import current_app, g
from redis import Redis

from api_service.dispatch import Dispatcher
from shared.database import Database
from shared.secrets import SecretBox
from shared.settings import Settings


@dataclass(frozen=True)
class Parts:
    """What create_app made for this process."""

    settings: Settings
    database: Database
    redis: Redis
    secrets: SecretBox
    dispatcher: Dispatcher


def parts() -> Parts:
    """The parts of the app that answers this request."""
    found: Parts = current_app.extensions["weighbridge"]
    return found


def asked_by() -> dict[str, str]:
    """Who asks, for the row of an operation."""
    return {"requested_by": g.caller, "request_id": g.request_id}
