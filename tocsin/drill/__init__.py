"""Drills: the real workflows on a server and a worker of their own, with a sink for mail, at many hours a minute."""
