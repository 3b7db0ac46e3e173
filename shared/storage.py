"""What is known of the volume: a worker looks and writes it down, the API reads it beside the rows."""

from dataclasses import asdict, dataclass

from sqlalchemy import BigInteger, Text, column, func, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.tables import Model, ModelSource, Volume


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a worker sees of the volume. Sizes in bytes."""

    total_bytes: int
    available_bytes: int  # with the room that half files of unfinished downloads have taken in advance
    partial_bytes: int  # taken up by all half files


def note(session: Session, path: str, look: Look) -> None:
    """Keep what a worker sees, in place of what was seen before."""
    values = asdict(look) | {"seen_at": func.now()}
    row = insert(Volume).values(path=path, **values)
    session.execute(row.on_conflict_do_update(index_elements=[Volume.path], set_=values))


def last_look(session: Session) -> Volume | None:
    """What a worker saw last; None before the first look."""
    return session.scalar(select(Volume).order_by(Volume.seen_at.desc()).limit(1))


def downloaded(session: Session) -> tuple[int, int]:
    """How many local models are downloaded, and the bytes of those from the Hub.

    Models of one repository may share a file: the volume holds it once, and here it counts once.
    """
    files = (
        func.jsonb_to_recordset(Model.manifest["files"])
        .table_valued(column("oid", Text), column("size", BigInteger))
        .render_derived(with_types=True)
    )
    blobs = (
        select(Model.hf_repo, files.c.oid, files.c.size)
        .select_from(Model)
        .join(files, true())
        .where(Model.downloaded.is_(True), Model.source == ModelSource.HUGGINGFACE)
        .distinct()
        .subquery()
    )
    count = select(func.count()).select_from(Model).where(Model.downloaded.is_(True)).scalar_subquery()
    row = session.execute(select(count, func.coalesce(func.sum(blobs.c.size), 0))).one()
    return int(row[0]), int(row[1])
