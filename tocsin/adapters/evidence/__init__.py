"""Evidence: one incident as a folder that can be read and checked without Tocsin's store, engine or keys."""

from tocsin.adapters.evidence.check import check_evidence
from tocsin.adapters.evidence.result import Check, Checked, Finding
from tocsin.adapters.evidence.write import write_evidence

__all__ = ["Check", "Checked", "Finding", "check_evidence", "write_evidence"]
