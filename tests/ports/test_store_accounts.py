"""Accounts, sessions, delegations and teams: what is kept comes back, on both databases."""

from datetime import timedelta

from tests.ports.story import AT, HOUR, INCIDENT, OTHER_INCIDENT
from tocsin.adapters.sql import SqlStore
from tocsin.domain.account import Account, Delegation, SignedIn, Source
from tocsin.domain.act import Role
from tocsin.domain.values import PersonId

ASHA, DARA = PersonId("per-asha"), PersonId("per-dara")
ACCOUNT = Account(person_id=ASHA, user="asha", name="Asha Rao", invitation="d1", invited_until=AT + HOUR)
OTHER = Account(
    person_id=DARA, user="dara", name="Dara", source=Source.OIDC, roles=frozenset({Role.APPROVER}), last_login_at=AT
)


def test_an_account_comes_back(store: SqlStore) -> None:
    """Every field comes back, by person and by invitation; putting it again replaces it."""
    taken = ACCOUNT.model_copy(update={"invitation": None, "password": "a hash", "disabled_at": AT})
    with store.writing() as tx:
        tx.accounts.put(ACCOUNT)
        tx.accounts.put(OTHER)
        assert tx.accounts.invited("d1") == ACCOUNT
        tx.accounts.put(taken)
    with store.reading() as tx:
        assert tx.accounts.all() == [taken, OTHER]
        assert (tx.accounts.one(DARA), tx.accounts.one(PersonId("per-nobody"))) == (OTHER, None)
        assert tx.accounts.invited("d1") is None


def test_sessions_end_one_by_one_and_together(store: SqlStore) -> None:
    """A session is found by its digest and seen again; one ends alone, or all of a person's do."""
    sessions = [SignedIn(digest=f"d{n}", person_id=ASHA, how="password", opened_at=AT, seen_at=AT) for n in range(3)]
    with store.writing() as tx:
        for session in sessions:
            tx.accounts.open_session(session)
        tx.accounts.see("d1", AT + HOUR)
        tx.accounts.end_sessions(ASHA, digest="d0")
        assert (tx.accounts.session("d0"), tx.accounts.session("d2")) == (None, sessions[2])
        assert tx.accounts.session("d1") == sessions[1].model_copy(update={"seen_at": AT + HOUR})
        tx.accounts.end_sessions(ASHA)
        assert tx.accounts.session("d1") is None


def test_a_delegation_has_dates(store: SqlStore) -> None:
    """It comes back to its taker, and holds from its first instant to before its last."""
    lent = Delegation(
        delegation_id="dlg-1", giver=DARA, taker=ASHA, roles=OTHER.roles, from_at=AT, until_at=AT + 2 * HOUR
    )
    with store.writing() as tx:
        tx.accounts.delegate(lent)
        assert (tx.accounts.delegations(ASHA), tx.accounts.delegations(DARA)) == ([lent], [])
        assert tx.accounts.delegations() == [lent]
    moments = (AT - timedelta(seconds=1), AT, AT + 2 * HOUR)
    assert [lent.holds(at) for at in moments] == [False, True, False]
    assert not lent.model_copy(update={"ended_at": AT}).holds(AT + HOUR)


def test_a_team_is_joined_once(store: SqlStore) -> None:
    """Joining again changes nothing, and each person's incidents are found."""
    with store.writing() as tx:
        tx.incidents.join(INCIDENT, [ASHA, DARA], AT)
        tx.incidents.join(INCIDENT, [ASHA], AT + HOUR)
        tx.incidents.join(OTHER_INCIDENT, [DARA], AT)
        assert tx.incidents.team(INCIDENT) == {ASHA, DARA}
        assert (tx.incidents.teams_of(ASHA), tx.incidents.teams_of(DARA)) == (
            {INCIDENT},
            {INCIDENT, OTHER_INCIDENT},
        )
