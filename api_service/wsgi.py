"""`gunicorn api_service.wsgi:app`."""

import sys

from api_service import NEEDS, create_app
from shared import log
from shared.settings import Settings, SettingsError

try:
    _settings = Settings.from_env(needs=NEEDS)
except SettingsError as error:
    sys.exit(f"The API can't start:\n{error}")
log.set_up(_settings, "api")
app = create_app(_settings)
