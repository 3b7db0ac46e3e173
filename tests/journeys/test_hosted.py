"""A hosted model, from its first test to its last."""

from tests.provider_server import KEY, ProviderServer
from tests.stack import Stack


def test_a_hosted_model_is_tested_registered_rotated_and_deleted(stack: Stack) -> None:
    with ProviderServer() as provider:
        fields = {"provider": "openai", "baseUrl": f"{provider.url}/v1", "apiKey": "sk-canary-wrong"}
        tested = stack.call("POST", "/api/models/test-connection", fields).json()
        assert tested["error"]["code"] == "INVALID_API_KEY"
        created = stack.call("POST", "/api/models", {"type": "hosted-llm", "name": "GPT", **fields})
        assert created.status_code == 201
        path = f"/api/models/{created.json()['id']}"
        assert stack.call("PATCH", path, {"apiKey": KEY}).json()["hasApiKey"] is True
        again = stack.call("POST", "/api/models/test-connection", {"modelId": created.json()["id"]}).json()
        assert (again["ok"], again["models"]) == (True, ["gpt-a", "gpt-b"])
        assert stack.call("DELETE", path).status_code == 204
    assert KEY not in stack.log_text()
    assert "canary" not in stack.log_text()
