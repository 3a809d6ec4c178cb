"""The facts that GDPR articles 33 and 34 turn on, and the factors they make, each with the text it rests on."""

from enum import StrEnum

from pydantic import Field

from tocsin.domain.kleene import Truth
from tocsin.domain.values import Value

GUIDELINES = "EDPB Guidelines 9/2022 v2.0"


class BreachFacts(Value):
    """What is known of a breach. None: not yet known."""

    personal_data: Truth = None
    confidentiality: Truth = None
    """Data were, or may have been, disclosed or accessed without authority."""
    integrity: Truth = None
    """Data were altered."""
    availability: Truth = None
    """Data were lost, destroyed or out of reach, be it for a time."""
    unintelligible: Truth = None
    """Sound, up-to-date encryption or the like covered all data affected."""
    key_safe: Truth = None
    """The key was not compromised by any breach."""
    backup_good: Truth = None
    """A good backup, or the data themselves, came back in time."""
    trusted_recipient: Truth = None
    """The only recipients are known and trusted, so that they can be expected to do as they are told."""
    deletion_confirmed: Truth = None
    """Every recipient confirmed that the data were returned or destroyed, unread and uncopied."""
    grave_consequences: Truth = None
    """Grave consequences are likely for at least one person."""
    felt_by_people: Truth = None
    """The loss of availability had, or may have, consequences for persons."""
    sensitive_data: Truth = None
    easily_identified: Truth = None
    vulnerable_people: Truth = None
    malicious: Truth = None
    special_controller: Truth = None
    """The controller's kind of activity makes harm likelier, as with a clinic."""
    people: int | None = Field(default=None, ge=0)
    later_measures: Truth = None
    """Measures taken since ensure that a high risk is no longer likely."""
    disproportionate_effort: Truth = None
    """Telling each person would take disproportionate effort."""


class Side(StrEnum):
    """What a factor speaks for."""

    FOR = "for telling"
    AGAINST = "against telling"
    UNKNOWN = "not yet known, which speaks for telling"
    NEITHER = "neither by itself"


class Factor(Value):
    """One consideration with the text it rests on."""

    fact: str
    side: Side
    words: str
    citation: str


class Grounds(Value):
    """On what a risk may be unlikely. Each holds only if every fact it needs is known."""

    protected: Truth
    """Unintelligible to whoever lacks the key, the key safe, nothing altered, nothing lost for good."""
    returned: Truth
    """Seen by nobody but trusted recipients who confirmed deletion; nothing altered or lost."""
    only_away: Truth
    """Out of reach for a time and nothing else, brought back in time, felt by nobody."""


def factors(facts: BreachFacts, grounds: Grounds) -> tuple[Factor, ...]:
    """Return every factor: first the grounds in the articles, then what the guidelines weigh."""
    return (*_of_the_articles(facts, grounds), *_of_the_guidelines(facts), _number(facts.people))


def _of_the_articles(facts: BreachFacts, grounds: Grounds) -> tuple[Factor, ...]:
    register = "every breach is documented with its facts, effects and remedies, told or not"
    protected = (
        "the data are unintelligible, the key is safe, nothing is altered, nothing is lost without a good backup"
    )
    grave = "grave consequences are likely for at least one person, and one is enough"
    effort = "to tell each person takes disproportionate effort: a public communication, equally effective, instead"
    return (
        Factor(fact="register", side=Side.NEITHER, words=register, citation="GDPR art. 33(5)"),
        _speaks("personal_data", facts.personal_data, "personal data are affected", "GDPR art. 33(1)"),
        _spares("protected", grounds.protected, protected, "GDPR art. 34(3)(a), and 33(1)"),
        _spares(
            "returned",
            grounds.returned,
            "only trusted recipients had the data, and they confirmed deletion",
            f"GDPR art. 33(1); {GUIDELINES}, severity of consequences",
        ),
        _spares(
            "only_away",
            grounds.only_away,
            "the data were out of reach and nothing else, came back in time, and nobody felt it",
            f"GDPR art. 33(1); {GUIDELINES}, type of breach",
        ),
        _speaks("grave_consequences", facts.grave_consequences, grave, "GDPR art. 34(1)"),
        _spares(
            "later_measures",
            facts.later_measures,
            "measures taken since ensure that a high risk is no longer likely",
            "GDPR art. 34(3)(b)",
        ),
        Factor(
            fact="disproportionate_effort",
            side=Side.NEITHER,
            words=_WORDS[facts.disproportionate_effort] + effort,
            citation="GDPR art. 34(3)(c)",
        ),
    )


def _of_the_guidelines(facts: BreachFacts) -> tuple[Factor, ...]:
    asked = (
        ("sensitive_data", facts.sensitive_data, "the data are sensitive", "nature, sensitivity and volume of data"),
        ("easily_identified", facts.easily_identified, "persons are easily identified", "ease of identification"),
        ("vulnerable_people", facts.vulnerable_people, "persons are vulnerable", "characteristics of the individuals"),
        (
            "special_controller",
            facts.special_controller,
            "the controller's activity makes harm likelier",
            "characteristics of the controller",
        ),
        ("malicious", facts.malicious, "there was malicious intent", "type of breach"),
    )
    return tuple(_speaks(fact, truth, words, f"{GUIDELINES}, {factor}") for fact, truth, words, factor in asked)


def _number(people: int | None) -> Factor:
    known = "the number of people is not yet known" if people is None else f"people affected: {people}"
    return Factor(
        fact="people",
        side=Side.NEITHER,
        words=f"{known}; the number never decides alone",
        citation=f"{GUIDELINES}, number of affected individuals",
    )


_WORDS = {True: "", False: "not so: ", None: "not yet known: "}


def _speaks(fact: str, truth: Truth, words: str, citation: str) -> Factor:
    """Return a factor that speaks for telling where it is so."""
    side = {True: Side.FOR, False: Side.AGAINST, None: Side.UNKNOWN}[truth]
    return Factor(fact=fact, side=side, words=_WORDS[truth] + words, citation=citation)


def _spares(fact: str, truth: Truth, words: str, citation: str) -> Factor:
    """Return a factor that speaks against telling where it is so."""
    side = {True: Side.AGAINST, False: Side.FOR, None: Side.UNKNOWN}[truth]
    return Factor(fact=fact, side=side, words=_WORDS[truth] + words, citation=citation)
