"""Evidence: one incident as a pack that can be read and checked without Tocsin's store, engine or keys."""

from tocsin.adapters.evidence.check import check_evidence
from tocsin.adapters.evidence.gather import VERIFIER, Means
from tocsin.adapters.evidence.result import Check, Checked, Finding
from tocsin.adapters.evidence.write import write_evidence

__all__ = ["VERIFIER", "Check", "Checked", "Finding", "Means", "check_evidence", "write_evidence"]
