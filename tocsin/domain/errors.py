"""The three ways a deed can fail. Each message says what, where, and the fix."""


class TocsinError(Exception):
    """Base of every error that Tocsin raises on purpose."""


class Refused(TocsinError):
    """The request itself is wrong; trying again without a change never helps."""


class Deferred(TocsinError):
    """The world is not ready; trying again later may help."""


class Broken(TocsinError):
    """Something that must hold does not; stop and call a person."""
