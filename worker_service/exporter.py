"""The worker's own /metrics, on a port of its own: its parent answers for all of its processes."""

from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import start_http_server

from shared.metric_files import registry

log = structlog.get_logger(__name__)
_server: WSGIServer | None = None


def serve(port: int) -> None:
    """Answer scrapes from now on, in a thread. A port that is taken is no reason to work no more."""
    global _server
    try:
        _server, _thread = start_http_server(port, registry=registry())
    except OSError as error:
        log.error("metrics not served", port=port, error=error.strerror)


def let_go() -> None:
    """In a child: the port is the parent's alone, and free again when that ends."""
    global _server
    if _server is not None:
        _server.socket.close()
        _server = None
