"""/api/audit: who did what to which model, when and from where."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from flask import Response
from sqlalchemy import Select

from api_service.blueprint import Blueprint
from api_service.pages import PAGINATION_HEADERS, page_of
from api_service.parts import audited, parts
from api_service.schemas.auth import AuditEventSchema, AuditQuery
from shared import audit
from shared.audit import Action
from shared.database import Database
from shared.tables import AuditEvent, Role

blueprint = Blueprint("audit", __name__, url_prefix="/api/audit", description="The audit log")

_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
# Rows that are held at a time while an export is written.
_AT_A_TIME = 1000


@blueprint.get("", role=Role.ADMIN)
@blueprint.arguments(AuditQuery, location="query")
@blueprint.response(200, AuditEventSchema(many=True), headers=PAGINATION_HEADERS)
@blueprint.doc(responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}})
def list_events(query: dict[str, Any]) -> Any:
    """The audit log, the newest first, a page at a time; with `format` all that match, as a file."""
    wanted, format_ = audit.events(query), query.pop("format", None)
    if format_ is not None:
        return _export(wanted, format_, query)
    with parts().database.session() as session:
        found, header = page_of(session, wanted, page=query["page"], page_size=query["page_size"])
        return found, {"X-Pagination": header}


def _export(wanted: Select[AuditEvent], format_: str, query: dict[str, Any]) -> Response:
    here = parts()
    with here.database.session() as session:
        told = {name: str(value) for name, value in query.items() if name not in ("page", "page_size")}
        audited(session, Action.AUDIT_EXPORTED, format=format_, filters=told)
    rows = _rows(wanted, here.database)
    answer = Response(_as_csv(rows) if format_ == "csv" else _as_json(rows), content_type=_TYPES[format_])
    answer.headers["Content-Disposition"] = f'attachment; filename="weighbridge-audit.{format_}"'
    return answer


def _rows(wanted: Select[AuditEvent], database: Database) -> Iterator[dict[str, Any]]:
    schema = AuditEventSchema()
    with database.session() as session:
        for event in session.scalars(wanted.execution_options(yield_per=_AT_A_TIME)):
            yield schema.dump(event)


def _as_json(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield "["
    for number, row in enumerate(rows):
        yield ("," if number else "") + "\n" + json.dumps(row, ensure_ascii=False)
    yield "\n]\n"


def _as_csv(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    names = [str(field.data_key) for field in AuditEventSchema().fields.values()]
    line = io.StringIO()
    writer = csv.DictWriter(line, names)
    writer.writeheader()
    for row in rows:
        row["details"] = json.dumps(row["details"], ensure_ascii=False) if row["details"] else ""
        writer.writerow({name: _harmless(value) for name, value in row.items()})
        yield line.getvalue()
        line.seek(0)
        line.truncate()
    yield line.getvalue()


def _harmless(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula becomes a text (OWASP, CSV injection)."""
    is_formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if is_formula else value
