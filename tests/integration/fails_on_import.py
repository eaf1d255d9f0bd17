"""A module of somebody else's that fails when it is imported, and not by an `ImportError`."""

raise RuntimeError("it is not ready")
