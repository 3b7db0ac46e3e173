"""`gunicorn api_service.wsgi:app`."""

import sys

import structlog
from sqlalchemy.exc import ProgrammingError

from api_service import NEEDS, create_app
from shared import log
from shared.errors import ServiceUnavailable
from shared.rotation import check_keys
from shared.settings import Settings, SettingsError

try:
    _settings = Settings.from_env(needs=NEEDS)
except SettingsError as error:
    sys.exit(f"The API can't start:\n{error}")
log.set_up(_settings, "api")
app = create_app(_settings)
try:
    check_keys(app.extensions["weighbridge"].database, app.extensions["weighbridge"].secrets)
except SettingsError as error:
    sys.exit(f"The API can't start:\n{error}")
except (ServiceUnavailable, ProgrammingError) as error:
    # The app says so with each answer, and goes on when the database is there, with its tables.
    structlog.get_logger(__name__).warning("secret keys not tried", error=type(error).__name__)
