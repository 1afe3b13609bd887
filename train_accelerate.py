"""Train DP-SIMS.

    accelerate launch train_accelerate.py --train_data_dir DIR --preset small --resolution 128x96 \
        --output_dir outputs/mine
    accelerate launch --cpu train_accelerate.py ...              # on the CPU
    torchrun --nproc_per_node 2 train_accelerate.py ...          # several processes, also on a CPU
    ... --dataset_name OWNER/NAME --streaming                    # from the Hub, without a local copy
    ... --resume_from_checkpoint latest                          # continue
    ... --dry_run                                                # only show sizes and memory

DIR holds images/, labels/ and a classes.json. Every setting is a flag (`--help`). Ctrl-C and SIGTERM stop
after the step, with a checkpoint and the model as it is.
"""

import sys

from dpsims_hub.commands.train import main
from dpsims_hub.processes.quick_start import start_process

if __name__ == "__main__":
    start_process()
    sys.exit(main())
