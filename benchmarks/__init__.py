"""Measurements of time, size and statistics; README.md says what came out."""

import common.environment  # noqa: F401
