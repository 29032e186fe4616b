"""The page that report.py writes: what it shows (contents, questions) and its HTML (page)."""
