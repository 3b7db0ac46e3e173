"""Filtering, sorting and paging of lists, by the database."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, bindparam, func, select
from sqlalchemy.orm import Session

from shared import row_counts

# How many rows before a page make it worth a second look at the table; with fewer, that costs more to plan.
_DEEP = 500


def page_of(session: Session, query: Select[Any], *, page: int, page_size: int) -> tuple[Sequence[Any], str]:
    """One page of what a query of one column finds; see `rows_of_page`."""
    wanted = paged(query, deep=is_deep(page, page_size))
    rows, header = rows_of_page(session, wanted, page=page, page_size=page_size)
    return [row[0] for row in rows], header


def is_deep(page: int, page_size: int) -> bool:
    """Whether so much stands before a page that it is found faster by its ids."""
    return (page - 1) * page_size > _DEEP


def paged(query: Select[Any], *, deep: bool) -> Select[Any]:
    """The query for `rows_of_page`, which may be kept and asked for any page: it brings its `total` along.

    `deep`: the page of a table is found by its ids; what stands before it is skipped, not read with all its
    columns.
    """
    tables, total = query.get_final_froms(), _total(query).label("total")
    key = tables[0].c.get("id") if len(tables) == 1 and isinstance(tables[0], Table) else None
    if key is None or not deep:
        return _cut(query.add_columns(total))
    ids = _cut(query.with_only_columns(key)).correlate(None)
    return query.add_columns(total).where(key.in_(ids))


def _cut(query: Select[Any]) -> Select[Any]:
    return query.limit(bindparam("page_size")).offset(bindparam("skipped"))


def rows_of_page(
    asked: Session | Connection, query: Select[Any], *, page: int, page_size: int
) -> tuple[Sequence[Row[Any]], str]:
    """One page of a `paged` query and the text of the X-Pagination header (the words of flask-smorest)."""
    rows = asked.execute(query, {"page_size": page_size, "skipped": (page - 1) * page_size}).all()
    if rows:
        total = rows[0].total
    else:  # beyond the last page there is no row to bring it
        first = asked.execute(query, {"page_size": 1, "skipped": 0}).first()
        total = first.total if first else 0
    return rows, json.dumps(_metadata(total, page, page_size))


def _total(query: Select[Any]) -> Any:
    for table in row_counts.COUNTED:
        if query.whereclause is None and query.get_final_froms() == [table.__table__]:
            return row_counts.total_of(table)
    return select(func.count()).select_from(query.order_by(None).subquery()).scalar_subquery()


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
