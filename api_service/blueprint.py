"""The blueprint of our routes: flask-smorest's, where each route says who may call it; a body is JSON."""

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

import flask_smorest
from flask import Request
from webargs.core import missing, parse_json
from webargs.flaskparser import FlaskParser

from shared.tables import Role

View = TypeVar("View", bound=Callable[..., Any])
# In place of a role: who is not signed in may call it too.
EVERYBODY = None


def may_call(role: Role | None) -> Callable[[View], View]:
    """Decorator of a view: the least role that may call it, or EVERYBODY. No app starts without it."""

    def declare(view: View) -> View:
        view.needs_role = role  # type: ignore[attr-defined]
        return view

    return declare


class AnyBytesRequest(Request):
    """A byte of the query that is no ASCII is taken as its %XX: werkzeug reads those, whatever they are."""

    def __init__(self, environ: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        query = environ.get("QUERY_STRING", "")
        environ["QUERY_STRING"] = re.sub(r"[^\x00-\x7f]", lambda byte: f"%{ord(byte[0]):02X}", query)
        super().__init__(environ, *args, **kwargs)


class _JsonParser(FlaskParser):
    """A body is JSON whatever its Content-Type says: a forgotten header must not make it an empty request."""

    def _raw_load_json(self, req: Request) -> Any:
        body = req.get_data(cache=True)
        try:
            return parse_json(body) if body else missing
        except json.JSONDecodeError:
            raise
        except (ValueError, RecursionError):
            # A number of thousands of digits, or as many brackets: JSON, but more than Python reads.
            raise json.JSONDecodeError("Too long or too deep", "…", 0) from None


class Blueprint(flask_smorest.Blueprint):
    """One noun of the API. `role=` is no option of a route but a must."""

    ARGUMENTS_PARSER = _JsonParser()

    def arguments(self, schema: Any, **options: Any) -> Callable[[View], View]:
        """As in flask-smorest; a class is instantiated once, not for each request."""
        return super().arguments(schema() if isinstance(schema, type) else schema, **options)

    def route(self, rule: str, *, role: Role | None, **options: Any) -> Callable[[View], View]:
        """As in Flask, for callers of this role at least."""
        add = super().route(rule, **options)

        def declare(view: View) -> View:
            documented = self.doc(**({"x-role": str(role)} if role else {"security": []}))(view)
            return add(may_call(role)(documented))

        return declare
