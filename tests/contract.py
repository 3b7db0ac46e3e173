"""Whether replies are what the OpenAPI document promises: as much of JSON Schema as the document speaks."""

import re
from datetime import datetime
from functools import cache
from typing import Any

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from api_service.openapi import document

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def assert_kept(app: Flask, method: str, answer: TestResponse) -> None:
    """Fail where a reply breaks the promise of its route; routes outside the document promise nothing."""
    promised = _promised(app, method, answer)
    if promised is None or answer.mimetype == "text/event-stream":
        return
    content = promised.get("content")
    assert bool(content) == bool(answer.data), f"{method} {answer.request.path}: {answer.status}"
    assert not content or answer.mimetype in content, f"{method} {answer.request.path}: {answer.mimetype}"
    if content and answer.is_json:
        problems = _problems(answer.json, content[answer.mimetype]["schema"], "reply")
        assert not problems, f"{method} {answer.request.path}: {problems}"


@cache
def _document() -> Any:
    return document()


def _promised(app: Flask, method: str, answer: TestResponse) -> Any:
    try:
        rule, _values = app.url_map.bind("").match(answer.request.path, method, return_rule=True)
    except HTTPException:
        return None
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
    operation = _document()["paths"].get(path, {}).get(method.lower())
    if operation is None:
        return None
    responses = operation["responses"]
    found = responses.get(str(answer.status_code))
    if found is None:
        assert answer.status_code >= 400, f"{method} {path} does not promise {answer.status}"
        found = responses["default"]
    return _resolved(found)


def _resolved(schema: Any) -> Any:
    while "$ref" in schema:
        found = _document()
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def _problems(value: Any, schema: Any, where: str) -> list[str]:
    schema = _resolved(schema)
    if "anyOf" in schema:
        tried = [_problems(value, choice, where) for choice in schema["anyOf"]]
        return [] if [] in tried else [f"{where}: none of {tried}"]
    if value is None and schema.get("nullable"):
        return []
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where}: {value!r} is none of {schema['enum']}"]
    kind = schema.get("type")
    if kind and (not isinstance(value, _TYPES[kind]) or isinstance(value, bool) != (kind == "boolean")):
        return [f"{where}: {value!r} is no {kind}"]
    if schema.get("format") == "date-time" and datetime.fromisoformat(value).tzinfo is None:
        return [f"{where}: {value} has no zone"]
    if kind == "array":
        return [
            problem
            for place, item in enumerate(value)
            for problem in _problems(item, schema["items"], f"{where}[{place}]")
        ]
    return _problems_of_fields(value, schema, where) if kind == "object" else []


def _problems_of_fields(value: dict[str, Any], schema: Any, where: str) -> list[str]:
    found = [f"{where}: {name} is missing" for name in schema.get("required", ()) if name not in value]
    for name, item in value.items():
        rule = schema.get("properties", {}).get(name, schema.get("additionalProperties", True))
        if rule is False:
            found.append(f"{where}: {name} is not promised")
        elif rule is not True:
            found += _problems(item, rule, f"{where}.{name}")
    return found
