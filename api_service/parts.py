"""The parts that a request needs, joined once by create_app."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import current_app, g, request
from redis import Redis
from sqlalchemy.orm import Session

from api_service.dispatch import Dispatcher
from api_service.hub_answers import HubAnswers
from api_service.hub_breaker import HubBreaker
from api_service.kept import Kept
from api_service.single_sign_on import SingleSignOn
from shared import audit
from shared.audit import Action, Origin
from shared.catalog import Catalog
from shared.database import Database
from shared.hub import Hub
from shared.outbound import Door
from shared.secrets import SecretBox
from shared.settings import Settings
from shared.storage import Counted
from shared.tables import Model

if TYPE_CHECKING:  # it stands on the replies, which stand on this module
    from api_service.live import Live
    from api_service.rendered import Rendered


@dataclass(frozen=True)
class Parts:
    """What create_app made for this process."""

    settings: Settings
    database: Database
    redis: Redis
    secrets: SecretBox
    dispatcher: Dispatcher
    hub_breaker: HubBreaker
    hub_answers: HubAnswers
    door: Door
    live: "Live"
    single_sign_on: SingleSignOn | None
    catalog: Catalog
    rendered: "Rendered"
    counted: Kept[Counted]


def parts() -> Parts:
    """The parts of the app that answers this request."""
    found: Parts = current_app.extensions["weighbridge"]
    return found


def hub_as(model: Model | None) -> Hub:
    """The Hub, asked with a model's own token, else with the installation's. Raises UndecryptableSecret."""
    here = parts()
    own = here.secrets.get(model, "hf_token") if model is not None else None
    common = here.settings.hf_token
    token = own or (common.get_secret_value() if common else None)
    return Hub(here.settings.hf_endpoint, token, here.settings.hf_hub_offline)


def asked_by() -> dict[str, str]:
    """Who asks, for the row of an operation."""
    return {"requested_by": g.caller.name, "request_id": g.request_id}


def audited(
    session: Session, action: Action, *, model: Model | None = None, actor: str | None = None, **details: Any
) -> None:
    """Write into the audit log, with the change, that the caller of this request does it."""
    origin = Origin(caller=g.get("caller"), address=request.remote_addr, request_id=g.request_id)
    audit.note(session, action, origin, model=model, actor=actor, details=details)
