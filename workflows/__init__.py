"""The order of events. One file per workflow."""
