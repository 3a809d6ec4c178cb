"""Frozen values: copying one with changes is what pydantic makes of it, only faster."""

from pydantic import BaseModel

from tests.ports.story import AT, duty, notice
from tocsin.domain.notice import Notice, NoticeState


def test_a_changed_copy_is_pydantics_own() -> None:
    """Fields, which of them were given, and the digest are as in pydantic's copy; the first value stays as it was."""
    first = notice(0)
    change = {"state": NoticeState.RELEASED, "claimed_at": AT}

    ours, theirs = first.model_copy(update=change), BaseModel.model_copy(first, update=change)

    assert ours == theirs
    assert ours.model_fields_set == theirs.model_fields_set
    assert ours.fingerprint() == theirs.fingerprint()
    assert first == notice(0) != ours
    assert duty(0).model_copy() == duty(0)


def test_a_trusted_value_is_the_checked_one() -> None:
    """A value made of all its fields equals the one whose fields were checked, and is as frozen."""
    made = Notice.trusted(dict(notice(0)))

    assert made == notice(0)
    assert made.model_dump_json() == notice(0).model_dump_json()
    assert hash(made) == hash(notice(0))
