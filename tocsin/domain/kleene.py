"""Three-valued logic on facts: true, false, or not yet known, which stays so unless the rest decides without it."""

Truth = bool | None


def inverse(truth: Truth) -> Truth:
    """Return the opposite; what is not known stays so."""
    return None if truth is None else not truth


def all_true(*truths: Truth) -> Truth:
    """Return False as soon as one is false, True if all are true, else None."""
    if any(truth is False for truth in truths):
        return False
    return None if None in truths else True


def any_true(*truths: Truth) -> Truth:
    """Return True as soon as one is true, False if all are false, else None."""
    return inverse(all_true(*map(inverse, truths)))
