"""`python -m downman_ops`: the console script `downman`, where only its interpreter is known."""

import sys

from downman_ops.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
