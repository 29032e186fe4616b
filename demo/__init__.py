"""make demo: a small data set, a tiny reader, and the whole protocol run on them."""

import common.environment  # noqa: F401
