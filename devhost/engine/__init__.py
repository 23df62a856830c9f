"""Durable orchestrations on one SQLite file: the interface, the store, the episode and the loop."""
