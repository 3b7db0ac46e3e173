"""Sign-in through an identity provider: OpenID Connect, code flow with PKCE, by Authlib.

Who somebody is, the provider says (`iss` and `sub` of a verified ID token, never a name or an e-mail address,
which others may take there). What they may do, the settings say by one claim, or our own admins do.
"""

from collections.abc import Mapping
from typing import Any

from authlib.integrations.flask_client import OAuth
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface

from shared.settings import Settings, fernet_keys
from shared.tables import Role

# Seconds. The provider is asked while a person waits.
PATIENCE = 10


class _ShortCookie(SecureCookieSessionInterface):
    """Flask's own cookie: it carries the state of a sign-in to the provider and back, and nothing else."""

    def get_cookie_secure(self, _app: Flask) -> bool:
        return request.is_secure


class SingleSignOn:
    """The configured provider."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        """Knows the provider's address; asks it for its metadata at the first sign-in."""
        self._settings = settings
        app.secret_key = _key(settings)
        app.session_interface = _ShortCookie()
        app.config.update(SESSION_COOKIE_NAME="weighbridge_sign_in", SESSION_COOKIE_SAMESITE="Lax")
        secret = settings.oidc_client_secret
        self.provider = OAuth(app).register(
            "provider",
            client_id=settings.oidc_client_id,
            client_secret=secret.get_secret_value() if secret else None,
            server_metadata_url=f"{settings.oidc_issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid profile email",
                "code_challenge_method": "S256",
                "default_timeout": PATIENCE,
            },
        )

    def role_of(self, claims: Mapping[str, Any]) -> Role | None:
        """What the claims make of somebody; None: nothing, they are refused."""
        settings = self._settings
        told = claims.get(settings.oidc_role_claim) if settings.oidc_role_claim else None
        values = (
            {told} if isinstance(told, str) else {value for value in told or () if isinstance(value, str)}
        )
        # Whole values: part of a group's name is another group's.
        if values & set(settings.oidc_admins):
            return Role.ADMIN
        if values & set(settings.oidc_operators):
            return Role.OPERATOR
        return None if settings.oidc_default_role == "none" else Role(settings.oidc_default_role)


def single_sign_on(app: Flask, settings: Settings) -> SingleSignOn | None:
    """The provider of the settings, None when there is none."""
    return SingleSignOn(app, settings) if settings.oidc_issuer and settings.oidc_client_id else None


def _key(settings: Settings) -> bytes:
    """Signs the cookie of a sign-in; the same in every API process."""
    first = fernet_keys(settings.secret_keys)[0]
    return HKDF(SHA256(), 32, salt=None, info=b"weighbridge sign-in state").derive(first.encode())
