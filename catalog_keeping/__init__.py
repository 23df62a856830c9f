"""Keeping the catalogue of restore points: holds, pruning, and rebuilding it from the backups."""
