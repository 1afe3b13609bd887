"""`python -m dpsims_hub.commands`: the same as `dpsims`."""

import sys

from dpsims_hub.commands import main

sys.exit(main())
