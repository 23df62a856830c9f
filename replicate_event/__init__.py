"""Replication: the record of a new restore point in one region becomes a restore in the other."""
