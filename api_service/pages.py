"""Filtering, sorting and paging of lists, by the database."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session


def page_of(session: Session, query: Select[Any], *, page: int, page_size: int) -> tuple[Sequence[Any], str]:
    """One page of what a query of one column finds; see `rows_of_page`."""
    rows, header = rows_of_page(session, query, page=page, page_size=page_size)
    return [row[0] for row in rows], header


def rows_of_page(
    session: Session, query: Select[Any], *, page: int, page_size: int
) -> tuple[Sequence[Row[Any]], str]:
    """One page of the rows and the text of the X-Pagination header (the words of flask-smorest)."""
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    rows = session.execute(query.limit(page_size).offset((page - 1) * page_size)).all()
    return rows, json.dumps(_metadata(total, page, page_size))


def _metadata(total: int, page: int, page_size: int) -> dict[str, int]:
    last = -(-total // page_size)
    found = {"total": total, "total_pages": last}
    if last:
        found |= {"first_page": 1, "last_page": last}
        if page <= last:
            found |= {"page": page}
        if 1 < page <= last:
            found |= {"previous_page": page - 1}
        if page < last:
            found |= {"next_page": page + 1}
    return found


PAGINATION_HEADERS = {
    "X-Pagination": {
        "description": "JSON: total, total_pages, first_page, last_page, page, previous_page, next_page.",
        "schema": {"type": "string"},
    }
}
