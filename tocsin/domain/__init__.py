"""Pure rules and frozen values. Time is always passed in; no I/O, no clock, no settings."""
