"""The blueprint of our routes: flask-smorest's, but for how a body is read."""

from typing import Any

import flask_smorest
from flask import Request
from webargs.core import missing, parse_json
from webargs.flaskparser import FlaskParser


class _JsonParser(FlaskParser):
    """A body is JSON whatever its Content-Type says: a forgotten header must not make it an empty request."""

    def _raw_load_json(self, req: Request) -> Any:
        body = req.get_data(cache=True)
        return parse_json(body) if body else missing


class Blueprint(flask_smorest.Blueprint):
    """One noun of the API."""

    ARGUMENTS_PARSER = _JsonParser()
