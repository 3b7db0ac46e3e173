"""What one attempt may take of the network: its download's own limit, and its share of the fleet's.

The sampler asks and hears, in the round trip that shows the progress; the heartbeat brings what the rows say.
While Redis is away the last share holds, so the fleet's limit does too.
"""

import time
from collections import deque
from datetime import UTC, datetime
from typing import Any

import structlog
from redis.client import Pipeline
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from shared import attempts, bandwidth_shares
from shared.bandwidth import limit_at, parse_schedule
from shared.tables import Operation
from worker_service.context import Context
from worker_service.transfer.governor import Governor

# Looks over which the most that was used counts: a pause of a second gives no share away.
LOOKS = 4
# Who uses less than this part of its share has no use for more now.
SATED = 0.97
# A little more than is used, so that it is seen when it wants more.
HEADROOM = 1.06

log = structlog.get_logger(__name__)


class Bandwidth:
    """Keeps the governor of a transfer at the limit that holds now."""

    def __init__(self, context: Context, operation: Operation) -> None:
        """`operation` has just begun in this process. Nothing is limited or asked before `begin`."""
        settings = context.settings
        self._context = context
        self._id = operation.id
        self._fleet = settings.max_bytes_per_second
        self._schedule = (
            parse_schedule(settings.bandwidth_schedule) if settings.bandwidth_schedule is not None else None
        )
        self._own: int | None = None
        self._common: int | None = None  # the limit of the fleet at the last look
        self._share: float | None = None
        self._others = 0
        self._governor: Governor | None = None
        self._has_asked = False
        self._looked = (0.0, 0)
        self._used: deque[float] = deque(maxlen=LOOKS)

    def begin(self) -> Governor:
        """The governor of the transfer that begins; it holds to the limit from its first byte on.

        Raises ServiceUnavailable.
        """
        governor = Governor()
        with self._context.database.session() as session:
            self._read(session)
        self._looked = time.monotonic(), 0
        self._look()
        self._governor = governor
        self._apply()
        return governor

    def beat(self, session: Session) -> None:
        """With each heartbeat: what the rows say of this download's limit and of how many run."""
        if self._governor:
            self._read(session)
            self._apply()

    def ask(self, pipeline: Pipeline) -> None:
        """Put the questions of this moment into the pipeline."""
        if not self._governor:
            return
        self._look()
        self._apply()
        pipeline.get(bandwidth_shares.news_key(self._id))
        if self._common is not None and self._share is not None:
            held = round(self._share) if self._has_asked else 0
            want = self._want(self._governor.taken, self._share)
            bandwidth_shares.ask(pipeline, self._id, limit=self._common, want=want, held=held)
            self._has_asked = True

    def hear(self, replies: list[Any]) -> None:
        """The answers to what was just asked."""
        if not replies:
            return
        news, *shares = replies
        if news is not None:
            self._own = int(news) or None
        if shares:
            self._share = float(shares[0])
        self._apply()

    def leave(self) -> None:
        """The attempt has ended: others may have its share."""
        if not self._has_asked:
            return
        try:
            bandwidth_shares.leave(self._context.redis, self._id)
        except RedisError as error:
            log.debug("share left to expire", error=type(error).__name__)

    def _read(self, session: Session) -> None:
        self._own = attempts.limit_of(session, self._id)
        if self._fleet is not None or self._schedule is not None:
            self._others = attempts.others_that_fetch(session, self._id)

    def _look(self) -> None:
        """See whether another limit holds for the fleet now; until Redis answers, take a fair part of it."""
        common = limit_at(datetime.now(UTC), common=self._fleet, schedule=self._schedule)
        if common == self._common:
            return
        if common is None:
            self._share = None
        elif self._common is None or self._share is None:
            self._share = common / (self._others + 1)
        else:
            self._share *= common / self._common
        self._common = common

    def _want(self, taken: int, share: float) -> int | None:
        """Bytes per second that this download could use; None: all that it gets."""
        (then, before), now = self._looked, time.monotonic()
        self._looked = now, taken
        if now > then:
            self._used.append((taken - before) / (now - then))
        rate = min(share, self._own or share)
        used = max(self._used, default=rate)
        return self._own if used >= SATED * rate else round(used * HEADROOM)

    def _apply(self) -> None:
        if self._governor:
            limits = [float(limit) for limit in (self._own, self._share) if limit is not None]
            self._governor.limit(min(limits, default=None))
