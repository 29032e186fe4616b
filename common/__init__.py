"""What every stage uses: files, progress, and how a command talks to its user."""
