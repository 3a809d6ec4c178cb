"""What a wave told its recipients, kept so that the next one can say what is new since, and what it still owes."""

from tocsin.domain.incident import Facts, Translation, Trigger, Triggers
from tocsin.domain.values import Instant, Value

ASKED = (
    "summary",
    "occurred_at",
    "discovered_at",
    "confirmed_at",
    "data_categories",
    "people_affected",
    "records_affected",
    "consequences",
    "cause",
    "measures",
)
"""What every notice should say, in the order in which a letter lists what is not yet known."""

Told = str | int | tuple[str, ...] | Instant | None


class Said(Value):
    """The facts, measures and instants that the letters of a wave were made from."""

    facts: Facts
    measures: tuple[str, ...] = ()
    occurred_at: Instant | None = None
    discovered_at: Instant | None = None
    confirmed_at: Instant | None = None

    @classmethod
    def of(cls, facts: Facts, measures: tuple[str, ...], triggers: Triggers) -> "Said":
        """Return what letters written from these say."""
        at = {trigger: fact.at for trigger, fact in triggers.items()}
        return cls(
            facts=facts,
            measures=measures,
            occurred_at=at.get(Trigger.OCCURRENCE),
            discovered_at=at.get(Trigger.DISCOVERY),
            confirmed_at=at.get(Trigger.CONFIRMATION),
        )

    def about(self, name: str) -> Told:
        """Return what was said about one of `ASKED`; None if it was not yet known."""
        if name == "measures":
            return self.measures or None
        told: Told = getattr(self if name in Said.model_fields else self.facts, name)
        return None if isinstance(told, str) and not told.strip() else told

    def unknowns(self) -> tuple[str, ...]:
        """Return the names, of `ASKED`, of what was not yet known: "not yet known" is a value, and is promised."""
        return tuple(name for name in ASKED if self.about(name) is None)


def differences(before: Said, now: Said) -> tuple[str, ...]:
    """Return the names, of `ASKED` without the measures, about which `now` says something else than `before`."""
    return tuple(name for name in ASKED if name != "measures" and before.about(name) != now.about(name))


def new_measures(before: Said, now: Said) -> tuple[str, ...]:
    """Return the measures that `before` did not name."""
    return tuple(measure for measure in now.measures if measure not in before.measures)


def in_language(said: Said, language: str) -> tuple[Said, frozenset[str]]:
    """Return what was said in another language, and the names of what no translation was at hand for.

    `language` and the facts' own may be regional (`de-AT`); their first part decides.
    """
    facts = said.facts
    if _base(facts.written_in) == _base(language):
        return said, frozenset()
    by_base = {_base(key): translation for key, translation in facts.translations.items()}
    translation = facts.translations.get(language) or by_base.get(_base(language)) or Translation()
    given = {name: value for name, value in translation if value is not None}
    missing = {name for name in Translation.model_fields if name not in given and getattr(facts, name)}
    # The titles of finished tasks stand after the measures; nobody translates them.
    tasks = said.measures[len(facts.measures) :]
    measures = (*given.get("measures", facts.measures), *tasks)
    told = said.model_copy(update={"facts": facts.model_copy(update=given), "measures": measures})
    return told, frozenset(missing | ({"measures"} if tasks else set()))


def _base(language: str) -> str:
    return language.partition("-")[0].lower()
