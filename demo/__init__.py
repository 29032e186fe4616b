"""The embedded default: a small data set, a tiny reader, and the protocol run on them."""

import common.environment  # noqa: F401
