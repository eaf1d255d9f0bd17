"""What stops a deployment from coming up, said to the person who started it."""


class ConfigurationError(Exception):
    """The demo cannot start, or go on; its text is one sentence that says why and what to do."""
