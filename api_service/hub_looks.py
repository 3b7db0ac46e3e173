"""What the Hub says of a repository and its files, kept or new, with whichever token is to be used."""

from dataclasses import replace
from functools import partial
from typing import Any

from api_service.hub_answers import KEPT, Answer
from api_service.parts import parts
from shared import hub_facts, model_facts, registry
from shared.errors import HubOffline, HubRateLimited, HubUnavailable
from shared.hub import Hub, Look, read_look
from shared.hub_facts import Told
from shared.model_facts import Facts
from shared.tables import Model

# Seconds that a request waits for the Hub's word on a repository, and then for what the files say.
LOOK_SECONDS = 10
FACTS_SECONDS = 5
# A file at a commit never changes; one that the Hub did not give is asked for again.
MISSING_FRESH = 60


def asking_model(query: dict[str, Any]) -> Model | None:
    """The model whose token is wanted (`model_id`), if one is. Raises ModelNotFound."""
    if "model_id" not in query:
        return None
    with parts().database.session() as session:
        return registry.get(session, query["model_id"])


def look_at(hub: Hub, repo: str, revision: str) -> Answer[Look]:
    """What the Hub tells of a repository, kept or new. Raises what `Hub.files` raises."""
    hurried = hub.within(LOOK_SECONDS)
    read = partial(read_look, repo=repo, revision=revision)
    return parts().hub_answers.ask(hub, ("look", repo, revision), lambda: hurried.look(repo, revision), read)


def facts_of(hub: Hub, look: Look, path: str | None) -> Facts:
    """What the Hub's page says, then what the files say, as far as they can be had."""
    told = model_facts.from_hub(look.info, look.preview.repo)
    # A gate that is closed for the list is so for the files.
    if look.files is None or (look.preview.gated and hub.token is None):
        return told
    hurried = hub.within(FACTS_SECONDS)
    try:
        answer = parts().hub_answers.ask(
            hub,
            ("facts", look.preview.repo, look.preview.commit_hash, path or ""),
            lambda: hub_facts.fetch(hurried, look, path),
            hub_facts.read,
            fresh=_fresh_facts,
        )
    except (HubUnavailable, HubRateLimited, HubOffline):
        return told
    found = answer.said.facts
    needs_code = told.requires_trust_remote_code or found.requires_trust_remote_code
    return replace(model_facts.merged(told, found), requires_trust_remote_code=needs_code)


def _fresh_facts(told: Told) -> float:
    return KEPT if told.is_all else MISSING_FRESH
