"""Train DP-SIMS.

    accelerate launch train_accelerate.py --train_data_dir DIR --preset small --resolution 128x96 \
        --backbone_weights mobilenetv2.safetensors --output_dir outputs/mine
    torchrun --nproc_per_node 2 train_accelerate.py ...          # several processes, also on a CPU
    ... --resume_from_checkpoint latest                          # continue

DIR holds images/, labels/ and a classes.json. Every setting is a flag (`--help`).
"""

from __future__ import annotations

import sys

from dpsims_hub.training.config import parse_config
from dpsims_hub.training.loop import Trainer


def main(argv: list[str] | None = None) -> int:
    """Parse, train, say where the model is; bad input gives one sentence and exit code 2."""
    try:
        path = Trainer(parse_config(argv)).run()
    except (ValueError, FileNotFoundError, RuntimeError) as error:
        print(f"train_accelerate.py: {error}", file=sys.stderr)
        return 2
    print(f"Model: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
