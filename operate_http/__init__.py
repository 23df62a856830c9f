"""What an operator reads: runs and restore points."""
