"""`python -m dpsims_hub.ablation.one_run FLAGS`: the training of `train_accelerate.py`, from the package."""

from __future__ import annotations

import sys

from dpsims_hub.training.command_line import parse_config

FAILED = 2


def main(argv: list[str] | None = None) -> int:
    """Trains; returns 0, or 2 after one sentence about what is wrong."""
    from dpsims_hub.training.loop import Trainer
    from dpsims_hub.training.step import NonFiniteLossError

    try:
        Trainer(parse_config(argv)).run()
    except (ValueError, OSError, NonFiniteLossError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
