"""gunicorn's logs without the secrets in paths: `--logger-class=downman_ops.launch.gunicorn_log.Logger`."""

from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

from downman.log_filters import WithoutTokens


class Logger(GunicornLogger):  # type: ignore[misc]  # gunicorn has no types
    """Shortens them in the access log, where somebody turns it on (GUNICORN_CMD_ARGS), and in messages of errors."""

    def setup(self, cfg: Any) -> None:
        """Add the filter; gunicorn calls this again when it reads its configuration anew."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            if not any(isinstance(known, WithoutTokens) for known in log.filters):
                log.addFilter(WithoutTokens())
