"""A provider of hosted models to test against: OpenAI's and Azure's list routes, and every way to fail."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

KEY = "sk-right-key-123"


class ProviderServer:
    """Context manager; `url` is where it listens, `requests` what it was asked (method, path, key)."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str]] = []
        self.released = threading.Event()
        self.lists_deployments = True
        provider = self

        class Handler(_Handler):
            server_ = provider

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server_: ProviderServer

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        key = self.headers.get("api-key") or self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.server_.requests.append((self.command, self.path, key))
        if path.startswith("/status/"):
            self._answer(int(path.split("/")[2]), {"error": {"message": f"your key is {key}"}})
        elif path.startswith("/html"):
            self._answer(200, None)
        elif path.startswith("/deep"):
            self._send(200, b"[" * 200_000, "application/json")
        elif path.startswith("/null"):
            self._send(200, b"null", "application/json")
        elif path.startswith("/redirect"):
            self._answer(302, {}, location="http://127.0.0.1:9/elsewhere")
        elif path.startswith("/stall"):
            self.server_.released.wait(60)
        elif path.startswith("/trickle"):
            self._trickle()
        elif key != KEY:
            self._answer(401, {"error": {"message": f"Incorrect API key provided: {key}"}})
        else:
            self._list(path)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length))
        self.server_.requests.append((self.command, self.path, str(self.headers.get("api-key"))))
        assert body["messages"] == [], "a test of the connection must not spend a token"
        if "/deployments/chat-prod/" in self.path:
            self._answer(400, {"error": {"code": "invalid_request", "message": "[] is too short"}})
        else:
            self._answer(404, {"error": {"code": "DeploymentNotFound", "message": "no such deployment"}})

    def _list(self, path: str) -> None:
        if path == "/v1/models":
            self._answer(200, {"object": "list", "data": [{"id": "gpt-b"}, {"id": "gpt-a"}]})
        elif path == "/openai/deployments" and self.server_.lists_deployments:
            self._answer(200, {"data": [{"id": "chat-prod"}]})
        elif path == "/openai/models":
            self._answer(200, {"data": [{"id": "gpt-4o"}]})
        else:
            self._answer(404, {"error": {"code": "404", "message": "Resource not found"}})

    def _trickle(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        while not self.server_.released.wait(0.5):
            try:
                self.wfile.write(b" ")
            except OSError:
                return

    def _answer(self, status: int, body: Any, location: str | None = None) -> None:
        if body is None:
            self._send(status, b"<html>hello</html>", "text/html")
        else:
            self._send(status, json.dumps(body).encode(), "application/json", location)

    def _send(self, status: int, data: bytes, kind: str, location: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: `requests` tells."""
