"""`python -m dpsims_hub.commands`: the same as `dpsims`."""

import sys

from dpsims_hub.commands import run_process

sys.exit(run_process())
