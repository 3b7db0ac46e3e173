"""Secrets under new keys: `make rotate-secrets`; docs/security.md has the steps.

It may run while the services do, be killed and be run again: each secret is replaced by itself, and only
where it still is what was read, so that a secret entered meanwhile stays.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from shared.database import Database
from shared.errors import UndecryptableSecret, WeighbridgeError
from shared.secrets import SECRET_FIELDS, SecretBox, SecretField, column_of
from shared.settings import Settings, SettingsError
from shared.tables import Model

# Rows that one transaction holds.
AT_A_TIME = 100
# Secrets that are tried at start: one that can be read shows that the keys are not those of somewhere else.
TRIED = 50


@dataclass
class Outcome:
    """What a rotation has done."""

    rotated: int = 0
    current: int = 0  # were under the first key already
    forgotten: int = 0
    unreadable: list[str] = field(default_factory=list)  # model and field of each


def rotate(database: Database, secrets: SecretBox, *, forget: bool = False) -> Outcome:
    """Bring every secret under the first key; with `forget`, remove those that no key can read.

    Raises ServiceUnavailable; what was done until then stays done.
    """
    outcome, last = Outcome(), 0
    while True:
        with database.session() as session:
            found = list(_after(session, last))
            for model in found:
                for name in SECRET_FIELDS:
                    _rotate_one(session, model, name, secrets, outcome, forget=forget)
        if not found:
            return outcome
        last = found[-1].id


def check_keys(database: Database, secrets: SecretBox) -> None:
    """Refuse keys that are those of another installation. Raises SettingsError.

    One secret that can't be read is told by its model. All of them: then it is the keys that are wrong.
    """
    with database.session() as session:
        wanted = select(Model).where(_has_secret()).order_by(func.random()).limit(TRIED)
        found = session.scalars(wanted).all()
    if found and all(secrets.problem(model) for model in found):
        raise SettingsError(
            f"WEIGHBRIDGE_SECRET_KEYS: can't read any of the stored secrets ({len(found)} tried). Put the "
            "key that they were stored with back, behind the new one. If it is lost, `make rotate-secrets "
            "ARGS=--forget` removes the secrets that can't be read, to be entered again."
        )


def main(settings: Settings | None = None) -> None:
    """The command `python -m shared.rotation`; `settings` are those of the environment unless given."""
    parser = argparse.ArgumentParser(prog="make rotate-secrets", description=__doc__)
    parser.add_argument("--forget", action="store_true", help="remove the secrets that no key can read")
    arguments = parser.parse_args()
    try:
        settings = settings or Settings.from_env(needs=("database_url", "secret_keys"))
        outcome = rotate(
            Database.from_settings(settings), SecretBox.from_settings(settings), forget=arguments.forget
        )
    except (SettingsError, WeighbridgeError) as error:
        sys.exit(f"The secrets can't be rotated:\n{error}")
    print(f"{outcome.rotated} secrets re-encrypted, {outcome.current} were under the first key already.")
    if arguments.forget:
        print(f"{outcome.forgotten} that could not be read were removed; enter them again.")
    if outcome.unreadable:
        print("No key can read: " + ", ".join(outcome.unreadable))
        print(UndecryptableSecret.remedy + " Keep the old key in WEIGHBRIDGE_SECRET_KEYS until then.")
        sys.exit(1)


def _after(session: Session, last: int) -> Iterator[Model]:
    wanted = select(Model).where(_has_secret(), Model.id > last).order_by(Model.id).limit(AT_A_TIME)
    return iter(session.scalars(wanted).all())


def _rotate_one(
    session: Session, model: Model, name: SecretField, secrets: SecretBox, outcome: Outcome, *, forget: bool
) -> None:
    old = getattr(model, column_of(name))
    if old is None:
        return
    try:
        new = secrets.rotated(model, name)
    except UndecryptableSecret:
        if not forget:
            outcome.unreadable.append(f"{name} of model {model.id}")
            return
        new = None
        outcome.forgotten += 1
    if new == old:
        outcome.current += 1
        return
    column = getattr(Model, column_of(name))
    # Re-encrypting is no edit: `updated_at` stays.
    values = {column_of(name): new, "updated_at": Model.updated_at}
    session.execute(update(Model).where(Model.id == model.id, column == old).values(values))
    outcome.rotated += new is not None


def _has_secret() -> ColumnElement[bool]:
    return or_(*(getattr(Model, column_of(name)).is_not(None) for name in SECRET_FIELDS))


if __name__ == "__main__":
    main()
