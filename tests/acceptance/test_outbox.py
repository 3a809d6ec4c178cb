"""The letters that left: one per agreement and contact and wave, and nothing in them of anybody else."""

import csv
import html
import re
from collections import Counter
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from io import StringIO
from pathlib import Path

import pytest

from tests.acceptance.life import REGISTER, SAID, Life


class Party:
    """A line of the register."""

    def __init__(self, cells: dict[str, str]) -> None:
        self.reference, self.name = cells["agreement"], cells["party"]
        people = ";".join(filter(None, (cells["contact"], cells["copies"])))
        reserve = cells["deputies"]
        self.recipients = _people(people)
        self.known_by = {self.reference, self.name, *_words(self.recipients), *_words(_people(reserve))}


class Sent:
    """A file of the outbox."""

    def __init__(self, path: Path) -> None:
        parsed = message_from_bytes(path.read_bytes(), policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.message = parsed
        self.party = next(party for party in PARTIES if party.reference in str(parsed["Subject"]))

    @property
    def address(self) -> str:
        """Whom it is to."""
        return str(self.message["To"].addresses[0].addr_spec)

    @property
    def follows_up(self) -> bool:
        """Whether it answers an earlier letter."""
        return self.message["In-Reply-To"] is not None

    @cached_property
    def text(self) -> str:
        """The plain text, on one line."""
        return self._part("plain")

    @cached_property
    def page(self) -> str:
        """What the HTML shows, on one line."""
        return html.unescape(re.sub(r"<[^>]+>", " ", self._part("html")))

    @property
    def whole(self) -> str:
        """Everything, headers included."""
        return "\n".join([*map(str, self.message.values()), self.text, self._part("html"), self.page])

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        return " ".join(str(part.get_content()).split())


def _people(cell: str) -> dict[str, str]:
    found = re.findall(r"([^;<]+)<([^>]+)>", cell)
    return {address: name.strip() for name, address in found}


def _words(people: dict[str, str]) -> set[str]:
    return {*people, *people.values()}


PARTIES = [Party(cells) for cells in csv.DictReader(StringIO(REGISTER))]


@pytest.fixture(scope="module")
def sent(life: Life) -> list[Sent]:
    """Every letter of the story."""
    return [Sent(path) for path in life.installation.letters()]


def test_one_letter_each(sent: list[Sent]) -> None:
    """Each agreement and contact, and each copy, has exactly one first letter and one follow-up; deputies have none."""
    expected = Counter((party.reference, address) for party in PARTIES for address in party.recipients)
    assert expected.total() == 7
    assert expected == Counter((letter.party.reference, letter.address) for letter in sent if not letter.follows_up)
    assert expected == Counter((letter.party.reference, letter.address) for letter in sent if letter.follows_up)


def test_numbers_differ(sent: list[Sent]) -> None:
    """No two letters share a Message-ID or a notice number."""
    assert len(sent) == len({str(letter.message["Message-ID"]) for letter in sent})
    assert len(sent) == len({str(letter.message["X-Tocsin-Notice"]) for letter in sent})


def test_follow_up_answers_the_first(sent: list[Sent]) -> None:
    """A follow-up names the first letter to the same recipient under the same agreement."""
    first = {(s.party.reference, s.address): str(s.message["Message-ID"]) for s in sent if not s.follows_up}
    for letter in filter(lambda letter: letter.follows_up, sent):
        assert first[letter.party.reference, letter.address] == letter.message["In-Reply-To"]


def test_right_names_and_facts(sent: list[Sent]) -> None:
    """Plain text and HTML alike carry the recipient's own names, the notice number, and what is known."""
    for letter in sent:
        name = letter.party.recipients[letter.address]
        number = str(letter.message["X-Tocsin-Notice"])
        facts = (SAID["summary"], "87", "names", "diagnoses", "accounts locked")
        for body in (letter.text, letter.page):
            for word in (name, letter.party.name, letter.party.reference, number, *facts):
                assert word in body, f"{word} is missing in the letter to {letter.address}"


def test_finished_mitigation_is_told(sent: list[Sent]) -> None:
    """What was finished after the first letter stands in the follow-up, and not in the first."""
    for letter in sent:
        assert letter.follows_up == (SAID["outcome"] in letter.text) == (SAID["outcome"] in letter.page)


def test_nobody_else_in_it(sent: list[Sent]) -> None:
    """No letter holds another party's name, people, addresses or reference."""
    for letter in sent:
        foreign = {word for party in PARTIES for word in party.known_by} - letter.party.known_by
        assert [word for word in foreign if word in letter.whole] == []


def test_nothing_internal_in_it(sent: list[Sent]) -> None:
    """What was said among ourselves is in no letter."""
    internal = [SAID[name] for name in ("title", "statement", "note", "issuer", "order", "stop", "proof", "task")]
    for letter in sent:
        assert [word for word in internal if word in letter.whole] == []
