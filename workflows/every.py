"""Every workflow that a worker runs."""

from workflows.clock import ClockWorkflow
from workflows.incident import IncidentWorkflow
from workflows.probe import ProbeWorkflow
from workflows.response import ResponseWorkflow
from workflows.sweep import SweepWorkflow
from workflows.wave import WaveWorkflow

WORKFLOWS = [IncidentWorkflow, ClockWorkflow, WaveWorkflow, ResponseWorkflow, SweepWorkflow, ProbeWorkflow]
