"""What keeps an installation from starting, for the person who started it."""


class ConfigurationError(Exception):
    """It cannot start, or continue; each line of its text is a sentence that says why and what to do."""
