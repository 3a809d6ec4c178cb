"""Which questions to ask first: those that settle most of the duties that cannot be ruled out.

Greedy: the question that decides most, then the one that decides most of the rest, until every duty has a question.
A duty that an answer leaves open comes back with its next question when it is explained again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from tocsin.domain.applicability import AnyOf, Asks, Condition, Not
from tocsin.domain.explanation import Question
from tocsin.domain.fact import FactRegistry, FactType, FactValues, WhoKnows
from tocsin.domain.kleene import Truth, all_true, inverse
from tocsin.domain.policy import Policy

Held = Callable[[Asks], Truth]

Decided = Mapping[str, Mapping[str, tuple[bool, ...]]]
"""By fact, then by duty: for each answer that is possible, whether it decides the duty."""


def decided_by_policies(
    open_: Iterable[tuple[Policy, Sequence[str]]], facts: FactValues, registry: FactRegistry
) -> Decided:
    """Return what each unknown fact decides of the policies that cannot be ruled out, each with its unknown facts."""
    found: dict[str, dict[str, tuple[bool, ...]]] = defaultdict(dict)
    for policy, unknown in open_:
        for key in unknown:
            answers = _answers(key, facts, registry)
            found[key][policy.id] = tuple(_truth(policy, held) is not None for held in answers)
    return found


def ordered(decided: Decided, registry: FactRegistry, words: Mapping[str, str]) -> tuple[Question, ...]:
    """Return the questions in the order in which to ask them. `words` has those that are no facts of policies."""
    remaining = {duty for duties in decided.values() for duty in duties}
    left = dict(decided)
    asked: list[Question] = []
    while remaining and left:
        key = max(left, key=lambda key: _weight(left[key], remaining))
        duties = left.pop(key)
        covered = {duty for duty, answers in duties.items() if any(answers)} or set(duties)
        if covered & remaining:
            remaining -= covered
            asked.append(_question(key, duties, registry, words))
    # Beside one another they are read by what each settles of all, not only of what those before it left.
    return tuple(sorted(asked, key=lambda one: len(one.settles) + len(one.may_settle) / 2, reverse=True))


def _weight(duties: Mapping[str, tuple[bool, ...]], remaining: set[str]) -> tuple[float, int]:
    """Return how many of the remaining duties a question decides, an answer that may not come counting half."""
    concerned = [answers for duty, answers in duties.items() if duty in remaining]
    return sum(sum(answers) / len(answers) for answers in concerned), len(concerned)


def _question(
    key: str, duties: Mapping[str, tuple[bool, ...]], registry: FactRegistry, words: Mapping[str, str]
) -> Question:
    fact = registry.find(key)
    place = f" ({key.rpartition('.')[2]})" if fact and fact.key.endswith(".*") else ""
    return Question(
        fact=key,
        question=words.get(key) or (fact.question + place if fact else key),
        who=fact.who if fact else WhoKnows.INCIDENT,
        choices=fact.choices if fact else (),
        settles=tuple(duty for duty, answers in duties.items() if all(answers)),
        may_settle=tuple(duty for duty, answers in duties.items() if any(answers) and not all(answers)),
    )


def _answers(key: str, facts: FactValues, registry: FactRegistry) -> tuple[Held, Held]:
    """Return the two answers to a question that differ most: yes and no, or all it is asked for and none of it."""
    fact = registry.find(key)
    if fact is not None and fact.type is FactType.BOOL:
        return _given(facts, key, lambda leaf: leaf.holds(True)), _given(facts, key, lambda leaf: leaf.holds(False))
    return _given(facts, key, lambda _: True), _given(facts, key, lambda _: False)


def _given(facts: FactValues, key: str, answer: Callable[[Asks], bool]) -> Held:
    def held(leaf: Asks) -> Truth:
        if leaf.fact == key:
            return answer(leaf)
        value = facts.get(leaf.fact)
        return None if value is None else leaf.holds(value)

    return held


def _truth(policy: Policy, held: Held) -> Truth:
    """Return whether the policy applies, as `Policy.verdict` does, without its reasons."""
    parts = [_holds(policy.applies, held)] if policy.applies else []
    parts += [held(policy.threshold)] if policy.threshold else []
    for exception in policy.unless:
        met = _holds(exception.when, held)
        parts.append(True if met is None and exception.until_shown else inverse(met))
    return all_true(*parts)


def _holds(condition: Condition, held: Held) -> Truth:
    # Asked some thousand times for one explanation, so it stops as soon as a part decides.
    if isinstance(condition, Asks):
        return held(condition)
    if isinstance(condition, Not):
        return inverse(_holds(condition.not_, held))
    decisive = isinstance(condition, AnyOf)
    truth: Truth = not decisive
    for part in condition.any if isinstance(condition, AnyOf) else condition.all:
        found = _holds(part, held)
        if found is decisive:
            return decisive
        truth = None if found is None else truth
    return truth
