"""Looking at runs and ending them: activities that the other folders call by name."""
