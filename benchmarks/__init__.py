import common.environment  # noqa: F401
