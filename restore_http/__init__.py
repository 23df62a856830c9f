"""Restoring: the HTTP call that asks for it, and one restore from guard to comparison."""
