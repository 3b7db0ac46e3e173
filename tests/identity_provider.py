"""A small OpenID Connect provider to test against: discovery, code flow with PKCE, ID tokens, and faults."""

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "weighbridge", "oidc-client-secret-canary"


class IdentityProvider:
    """Context manager; `url` is the issuer. Whoever is sent here is signed in at once, as `claims` say.

    `lies` replaces claims of the ID token; `key` signs it; `fault` breaks one step: `denied` (the person says
    no), `token` (the token endpoint fails), `code` (another code than the one that was given out).
    """

    def __init__(self) -> None:
        self.key = self._published = RSAKey.generate_key(2048, {"kid": "1"}, private=True)
        self.claims: dict[str, Any] = {"sub": "sub-1", "preferred_username": "ada"}
        self.lies: dict[str, Any] = {}
        self.fault = ""
        self.codes: dict[str, dict[str, str]] = {}
        self.token_requests: list[dict[str, str]] = []
        provider = self

        class Handler(_Handler):
            provider_ = provider

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def use_another_key(self) -> None:
        """Sign with a key that is not among the published ones, under the name of one that is."""
        self.key = RSAKey.generate_key(2048, {"kid": "1"}, private=True)

    def metadata(self) -> dict[str, Any]:
        """What the discovery document says."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def keys(self) -> dict[str, Any]:
        """The public keys."""
        return {"keys": [self._published.as_dict(private=False)]}

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        if self.fault == "denied":
            return f"{asked['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': asked['state']})}"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        shown = "another" if self.fault == "code" else code
        return f"{asked['redirect_uri']}?{urlencode({'code': shown, 'state': asked['state']})}"

    def token(self, sent: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Status and body of the token endpoint: the code counts once, for this client and this verifier."""
        self.token_requests.append(sent)
        known = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        asked = self.codes.pop(sent.get("code", ""), None)
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if self.fault == "token":
            return 500, {}
        if authorization != f"Basic {known}":
            return 401, {"error": "invalid_client"}
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != sent["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        usual = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims = usual | self.claims | self.lies
        id_token = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": id_token, "expires_in": 300}


class _Handler(BaseHTTPRequestHandler):
    provider_: IdentityProvider

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/.well-known/openid-configuration":
            self._answer(200, self.provider_.metadata())
        elif address.path == "/keys":
            self._answer(200, self.provider_.keys())
        elif address.path == "/authorize":
            self._answer(302, {}, location=self.provider_.authorize(dict(parse_qsl(address.query))))
        else:
            self._answer(404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        sent = {name: values[0] for name, values in parse_qs(body).items()}
        self._answer(*self.provider_.token(sent, self.headers.get("Authorization", "")))

    def _answer(self, status: int, body: dict[str, Any], location: str = "") -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        pass
