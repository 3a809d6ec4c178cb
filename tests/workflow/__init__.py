"""The workflows on a real server that skips time."""
