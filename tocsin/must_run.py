"""Which workflows must run, as the store has it: for the sweep, and for comparing a store that was restored."""

from tocsin import wire
from tocsin.domain.values import IncidentId
from tocsin.ports import Transaction


def must_run(tx: Transaction) -> dict[str, IncidentId]:
    """Return every workflow that the store says must run, with its incident."""
    incidents = [state.incident_id for state in tx.incidents.all(open_only=True)]
    expected = {wire.incident_workflow(one): one for one in incidents}
    expected |= {wire.response_workflow(one): one for one in incidents}
    for row in tx.duties.running_clocks():
        expected[wire.clock_workflow(row.spec.incident_id, row.spec.clock_id)] = row.spec.incident_id
    for incident_id in incidents:
        for wave in tx.ledger.waves(incident_id):
            if wave.released_at is not None and wave.ended_at is None:
                expected[wire.wave_workflow(incident_id, wave.wave_id)] = incident_id
    return expected | _rounds(tx)


def _rounds(tx: Transaction) -> dict[str, IncidentId]:
    """Return what must run of the rounds in which the register's contacts are asked."""
    expected: dict[str, IncidentId] = {}
    for one in tx.probes.all(open_only=True):
        expected[wire.incident_workflow(one.round_id)] = one.round_id
        wave = tx.ledger.wave(one.wave_id)
        if wave is not None and wave.released_at is not None and wave.ended_at is None:
            expected[wire.wave_workflow(one.round_id, one.wave_id)] = one.round_id
    return expected
