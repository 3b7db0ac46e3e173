"""The parts that a request needs, joined once by create_app."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import current_app, g
from redis import Redis

from api_service.dispatch import Dispatcher
from api_service.hub_breaker import HubBreaker
from shared.database import Database
from shared.outbound import Door
from shared.secrets import SecretBox
from shared.settings import Settings

if TYPE_CHECKING:  # it stands on the replies, which stand on this module
    from api_service.live import Live


@dataclass(frozen=True)
class Parts:
    """What create_app made for this process."""

    settings: Settings
    database: Database
    redis: Redis
    secrets: SecretBox
    dispatcher: Dispatcher
    hub_breaker: HubBreaker
    door: Door
    live: "Live"


def parts() -> Parts:
    """The parts of the app that answers this request."""
    found: Parts = current_app.extensions["weighbridge"]
    return found


def asked_by() -> dict[str, str]:
    """Who asks, for the row of an operation."""
    return {"requested_by": g.caller, "request_id": g.request_id}
