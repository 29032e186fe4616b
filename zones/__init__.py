"""The method: what a zone is, a cell, and the reader with a zone masked."""
