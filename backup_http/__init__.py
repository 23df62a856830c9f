"""Backing up on demand: the HTTP call that asks for it. The night it begins is that of backup_timer."""
