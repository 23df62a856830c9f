"""The nightly backup: the timer, the fleet, and one backup from wish to recorded restore point."""
