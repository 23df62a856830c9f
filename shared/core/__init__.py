"""Values and decisions. No clock, no environment, no I/O and no Azure package may be imported here."""
