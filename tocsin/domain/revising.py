"""What a revision makes of the facts: a named field replaces what was known; free text may be a translation."""

from tocsin.domain.act import Revise
from tocsin.domain.incident import Facts, Translation


def revised(facts: Facts, deed: Revise) -> Facts:
    """Return the facts with the named fields replaced and the answers merged; an answer of None is taken back.

    Raises:
        pydantic.ValidationError: on a wrong field or type.
    """
    merged = {key: answer for key, answer in (facts.answers | deed.answers).items() if answer is not None}
    known = facts.model_dump() | {"answers": merged}
    if deed.language is None or deed.language == facts.written_in:
        return Facts.model_validate(known | deed.facts)
    before = facts.translations.get(deed.language, Translation()).model_dump()
    translation = Translation.model_validate(before | deed.facts)
    return Facts.model_validate(known | {"translations": facts.translations | {deed.language: translation}})
