"""Check that numbers in a config are not too small."""


def at_least(config: object, least: int, *names: str) -> None:
    """Raises ValueError for the first of these fields of a config that is below `least`, or is NaN."""
    for name in names:
        if not getattr(config, name) >= least:
            raise ValueError(f"{name} must be at least {least}, got {getattr(config, name)}")
