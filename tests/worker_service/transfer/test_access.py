import pytest

from shared.errors import GatedModelNoToken, InvalidHfToken, LicenseNotAccepted, RepoNotFound
from tests.hub_server import HubServer
from tests.worker_service.transfer.conftest import PIECE, REPO, Workshop, some_bytes

FILES = {"model.safetensors": some_bytes(2 * PIECE), "config.json": b"{}"}


def test_a_token_opens_a_gated_repository_and_never_reaches_the_store(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES, gated=True, private=True)
    hub.add_token("hf_good", "owner/*")
    shop.token = "hf_good"
    manifest = shop.manifest()
    shop.fetch(manifest)
    assert shop.content(manifest, "model.safetensors") == FILES["model.safetensors"]
    assert not hub.authorization_at_cdn
    at_hub = [r for r in hub.requests if r.where == "resolve"]
    assert all(r.headers["authorization"] == "Bearer hf_good" for r in at_hub)


def test_a_gated_repository_without_a_token_is_refused(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES, gated=True)
    with pytest.raises(GatedModelNoToken):
        shop.fetch()


def test_a_gated_repository_whose_license_is_not_accepted_is_refused(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES, gated="manual")
    hub.add_token("hf_other")
    shop.token = "hf_other"
    with pytest.raises(LicenseNotAccepted):
        shop.fetch()


def test_a_token_that_the_hub_does_not_know_is_refused(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES)
    manifest = shop.manifest()
    with pytest.raises(InvalidHfToken) as caught:
        shop.fetch(manifest, token="hf_unknown-canary")
    assert "canary" not in repr(caught.value) + caught.value.detail


@pytest.mark.parametrize("token", ["hf_a b", "hf_a\n", "hf_ä", ""])
def test_a_token_of_a_form_that_no_token_has_is_not_sent(hub: HubServer, shop: Workshop, token: str) -> None:
    hub.add_repo(REPO, FILES)
    manifest = shop.manifest()
    before = len(hub.requests)
    with pytest.raises(InvalidHfToken) as caught:
        shop.fetch(manifest, token=token)
    assert len(hub.requests) == before
    assert "hf_" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 404])
def test_a_repository_that_became_private_is_not_found(hub: HubServer, shop: Workshop, status: int) -> None:
    hub.missing_status = status
    hub.add_repo(REPO, FILES)
    manifest = shop.manifest()
    hub.repos[REPO].private = True
    with pytest.raises(RepoNotFound):
        shop.fetch(manifest)


def test_a_refusal_leaves_no_trace_in_the_cache(hub: HubServer, shop: Workshop) -> None:
    hub.add_repo(REPO, FILES, gated=True)
    with pytest.raises(GatedModelNoToken):
        shop.fetch()
    assert list(shop.cache.glob("models--*")) == []
