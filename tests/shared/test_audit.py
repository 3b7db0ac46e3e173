from shared import audit
from shared.audit import Action, Origin
from shared.database import Database


def test_what_others_say_of_somebody_is_kept_as_far_as_it_fits(database: Database) -> None:
    origin = Origin(caller=None, address="x" * 500, request_id="r")
    with database.session() as session:
        audit.note(session, Action.SIGN_IN_REFUSED, origin, actor="a\0" + "b" * 500)
    with database.session() as session:
        event = session.scalars(audit.events({})).one()
    assert (event.actor, event.address) == ("a" + "b" * 254, "x" * 64)
