"""`python -m api_service.openapi [file]` writes the OpenAPI document; no store needs to run."""

import json
import sys
from pathlib import Path

from cryptography.fernet import Fernet
from flask_smorest import Api

from api_service import create_app
from shared.settings import Settings


def document() -> dict[str, object]:
    """The OpenAPI document of the routes as they are now."""
    settings = Settings.model_validate(
        {
            "DATABASE_URL": "postgresql://nowhere/none",
            "REDIS_URL": "redis://nowhere",
            "WEIGHBRIDGE_SECRET_KEYS": Fernet.generate_key().decode(),
            "WEIGHBRIDGE_ADMIN_TOKEN": "not-used-by-the-document",
        }
    )
    app = create_app(settings)
    api: Api = app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    return dict(api.spec.to_dict())


if __name__ == "__main__":
    text = json.dumps(document(), indent=2) + "\n"
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text)
    else:
        sys.stdout.write(text)
