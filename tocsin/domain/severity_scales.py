"""The scales of ENISA's method (working document v1.0, December 2013), every value with the words it stands for."""

from collections.abc import Mapping
from enum import StrEnum


class Category(StrEnum):
    """What kind of data it is; the basic score of the data processing context follows from it."""

    SIMPLE = "simple"
    """Biography, contact, education, family, profession."""
    BEHAVIOURAL = "behavioural"
    """Location, traffic, preferences, habits."""
    FINANCIAL = "financial"
    """Income, transactions, statements, cards, invoices, social welfare."""
    SENSITIVE = "sensitive"
    """Health, politics, sexual life, and the like."""

    @property
    def base(self) -> int:
        """The basic score, before the circumstances of the processing move it."""
        return list(Category).index(self) + 1


_CONTEXT: Mapping[Category, Mapping[int, str]] = {
    Category.SIMPLE: {
        1: "simple data, nothing aggravating",
        2: "volume or controller allow profiling, or assumptions on social or financial status",
        3: "they allow assumptions on health, sexual preferences, political or religious beliefs",
        4: "the persons' characteristics (minors, vulnerable) make it critical for their safety or condition",
    },
    Category.BEHAVIOURAL: {
        1: "no substantial insight, or easily collected from public sources",
        2: "behavioural data, nothing aggravating or lessening",
        3: "a profile of everyday life and habits can be built",
        4: "a profile based on sensitive data can be built",
    },
    Category.FINANCIAL: {
        1: "no substantial insight, such as only that someone is a customer",
        2: "some information but no significant insight, such as an account number alone",
        3: "financial data, nothing aggravating or lessening",
        4: "full information enabling fraud, or a detailed social or financial profile",
    },
    Category.SENSITIVE: {
        1: "no substantial insight, or easily collected from public sources",
        2: "only general assumptions",
        3: "assumptions about sensitive information",
        4: "sensitive data, nothing lessening",
    },
}


class Identifier(StrEnum):
    """What in the data leads to a person."""

    FULL_NAME = "full_name"
    ID_NUMBER = "id_number"
    """Identity card, passport, social security."""
    PHONE_OR_ADDRESS = "phone_or_address"
    EMAIL = "email"
    PICTURE = "picture"
    CODE = "code"
    """Code, alias or initials."""


EASE_WORDS: Mapping[float, str] = {0.25: "negligible", 0.5: "limited", 0.75: "significant", 1.0: "maximum"}

_EASE: Mapping[Identifier, Mapping[float, str]] = {
    Identifier.FULL_NAME: {
        0.25: "many in the country share it",
        0.5: "few or none in the country share it",
        0.75: "few or none in a small city share it",
        1.0: "shared by many, but birth date, e-mail or postal address are exposed too",
    },
    Identifier.ID_NUMBER: {
        0.25: "nothing else, and no access to the reference database",
        0.75: "the number reveals identifying detail, or is linked to other data",
        1.0: "information of the reference database (name, picture) is available too",
    },
    Identifier.PHONE_OR_ADDRESS: {
        0.25: "in no public register",
        0.5: "in no public register, small city",
        1.0: "in a public register",
    },
    Identifier.EMAIL: {
        0.25: "reveals nothing, and is not the main address",
        0.75: "reveals nothing, but is the main address",
        1.0: "reveals the name, and is the main address",
    },
    Identifier.PICTURE: {
        0.25: "unclear, such as distant video surveillance",
        0.5: "unclear, but the surroundings give hints",
        0.75: "clear, nothing else",
        1.0: "clear, and linked to more, such as an address or a membership",
    },
    Identifier.CODE: {
        0.25: "cannot be linked without the reference database",
        0.75: "reveals some detail, such as the first name, and is linked",
        1.0: "reveals the full name, or information of the database is available",
    },
}


class ConfidentialityLoss(StrEnum):
    """Who may have seen the data."""

    NOT_AFFECTED = "not_affected"
    NO_EVIDENCE = "no_evidence"
    KNOWN_RECIPIENTS = "known_recipients"
    UNKNOWN_RECIPIENTS = "unknown_recipients"


class IntegrityLoss(StrEnum):
    """What became of altered data."""

    NOT_AFFECTED = "not_affected"
    NO_MISUSE = "no_misuse"
    RECOVERABLE = "recoverable"
    NOT_RECOVERABLE = "not_recoverable"


class AvailabilityLoss(StrEnum):
    """Whether the data can be had again."""

    NOT_AFFECTED = "not_affected"
    EASILY_RECOVERED = "easily_recovered"
    TEMPORARY = "temporary"
    FULL = "full"


Loss = ConfidentialityLoss | IntegrityLoss | AvailabilityLoss

_POINTS: Mapping[type[Loss], Mapping[Loss, tuple[str, float]]] = {
    ConfidentialityLoss: {
        ConfidentialityLoss.NOT_AFFECTED: ("confidentiality not affected", 0.0),
        ConfidentialityLoss.NO_EVIDENCE: ("exposed without evidence of illegal processing", 0.0),
        ConfidentialityLoss.KNOWN_RECIPIENTS: ("exposed to a number of known recipients", 0.25),
        ConfidentialityLoss.UNKNOWN_RECIPIENTS: ("exposed to an unknown number of recipients", 0.5),
    },
    IntegrityLoss: {
        IntegrityLoss.NOT_AFFECTED: ("integrity not affected", 0.0),
        IntegrityLoss.NO_MISUSE: ("altered, no incorrect or illegal use identified", 0.0),
        IntegrityLoss.RECOVERABLE: ("altered and possibly misused, recoverable", 0.25),
        IntegrityLoss.NOT_RECOVERABLE: ("altered and possibly misused, not recoverable", 0.5),
    },
    AvailabilityLoss: {
        AvailabilityLoss.NOT_AFFECTED: ("availability not affected", 0.0),
        AvailabilityLoss.EASILY_RECOVERED: ("recoverable without difficulty", 0.0),
        AvailabilityLoss.TEMPORARY: ("temporarily unavailable", 0.25),
        AvailabilityLoss.FULL: ("full loss, from controller and individuals alike", 0.5),
    },
}
"""By kind of loss first, since the same word in two enumerations would be one key."""


def context_scale(category: Category) -> Mapping[int, str]:
    """Return the scores a category may get, each with when it gets it."""
    return _CONTEXT[category]


def identifier_scale(identifier: Identifier) -> Mapping[float, str]:
    """Return the steps the method has for an identifier, each with what it stands for."""
    return _EASE[identifier]


def points(loss: Loss) -> tuple[str, float]:
    """Return the wording of a circumstance and its points."""
    return _POINTS[type(loss)][loss]
