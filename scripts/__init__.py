"""What the shell drivers and make call."""
