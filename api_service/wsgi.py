"""`gunicorn api_service.wsgi:app`."""

import gc
import os
import sys
from typing import Never

import structlog
from sqlalchemy.exc import ProgrammingError

from api_service import NEEDS, create_app
from shared import log, metric_files, tracing
from shared.errors import ServiceUnavailable
from shared.rotation import check_keys
from shared.settings import Settings, SettingsError

# What gunicorn takes for “starting again would not help”: it ends with its workers. (1 means try again.)
_BOOT_ERROR = 3


def _refuse(error: SettingsError) -> Never:
    print(f"The API can't start:\n{error}", file=sys.stderr, flush=True)
    sys.exit(_BOOT_ERROR)


try:
    _settings = Settings.from_env(needs=NEEDS)
except SettingsError as error:
    _refuse(error)
log.set_up(_settings, "api")
try:
    if _settings.metrics:
        metric_files.share("api", family=os.getppid())  # gunicorn's own process
    app = create_app(_settings)
except SettingsError as error:  # a file of the catalog, or of the metrics
    _refuse(error)
tracing.set_up(_settings, "api")
_parts = app.extensions["weighbridge"]
try:
    check_keys(_parts.database, _parts.secrets)
except SettingsError as error:
    _refuse(error)
except (ServiceUnavailable, ProgrammingError) as error:
    # The app says so with each answer, and goes on when the database is there, with its tables.
    structlog.get_logger(__name__).warning("secret keys not tried", error=type(error).__name__)

# All that there is by now stays, so nobody has to look through it again (5 % of a request's time before).
gc.collect()
gc.freeze()
