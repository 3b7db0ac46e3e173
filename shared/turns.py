"""Whose turn it is: chores that any worker may do, and of which one round in each period is enough.

Every worker's timer asks, and who asks first does the round: so what a round costs does not grow with the
workers, and there is still none whose end would stop it. In Postgres, as it must work while Redis is away.
"""

from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.tables import Turn


def take(session: Session, chore: str, *, seconds: float) -> bool:
    """Whether nobody has taken this chore for so many seconds: then it is ours now.

    Commit before the work: this is a note and no lock, and one that dies in its turn holds nobody up.
    """
    is_over = Turn.taken_at <= func.now() - timedelta(seconds=seconds)
    # Most who ask come too early: they read one row, and neither lock nor write.
    due = session.scalar(select(is_over).where(Turn.chore == chore))
    if due is None:
        first = insert(Turn).values(chore=chore, taken_at=func.now()).on_conflict_do_nothing()
        return session.scalar(first.returning(Turn.chore)) is not None
    if not due:
        return False
    free = select(Turn.chore).where(Turn.chore == chore, is_over).with_for_update(skip_locked=True)
    taken = update(Turn).where(Turn.chore == free.scalar_subquery()).values(taken_at=func.now())
    return session.scalar(taken.returning(Turn.chore)) is not None
