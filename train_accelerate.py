"""Train DP-SIMS.

    accelerate launch train_accelerate.py --train_data_dir DIR --preset small --resolution 128x96 \
        --backbone_weights mobilenetv2.safetensors --output_dir outputs/mine
    accelerate launch --cpu train_accelerate.py ...              # leave the GPU alone
    torchrun --nproc_per_node 2 train_accelerate.py ...          # several processes, also on a CPU
    ... --resume_from_checkpoint latest                          # continue

DIR holds images/, labels/ and a classes.json. Every setting is a flag (`--help`). Ctrl-C and SIGTERM stop
after the step, with a checkpoint and the model as it is.
"""

from __future__ import annotations

import sys

from dpsims_hub.training.config import parse_config
from dpsims_hub.training.loop import Trainer
from dpsims_hub.training.step import NonFiniteLossError


def main(argv: list[str] | None = None) -> int:
    """Parse, train, say where the model is; bad input gives one sentence and exit code 2."""
    try:
        trainer = Trainer(parse_config(argv))
        path = trainer.run()
    except (ValueError, OSError, NonFiniteLossError) as error:
        print(f"train_accelerate.py: {_sentence(error)}", file=sys.stderr)
        return 2
    if trainer.accelerator.is_main_process:
        print(f"Model: {path}")
    return 0


def _sentence(error: Exception) -> str:
    """The message on one line; of an error in a loader's worker process, what follows the traceback."""
    text = str(error)
    if "Original Traceback" in text:
        text = text.strip().splitlines()[-1]
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main())
