"""Tocsin: after a security incident, everyone who must be told is told in time, provably."""

__version__ = "0.6.0"
