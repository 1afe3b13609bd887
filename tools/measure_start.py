"""Seconds from nothing to a bundled model's first photo, and of the checks on loading, as a Markdown table.

Each round is a new process; medians of the rounds. The first process of a day also reads packages from disk.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from dpsims_hub.benchmark.variants import random_network
from dpsims_hub.evaluation.report import format_table
from dpsims_hub.models.costs import count_parameters
from dpsims_hub.storage.weight_checksum import check_checksum
from dpsims_hub.storage.weight_files import check_numbers

START = """
import json, time
start = time.perf_counter()
from dpsims_hub import DPSIMSPipeline, bundled_examples, bundled_model, read_label_map
seconds = {"import dpsims_hub: DPSIMSPipeline": time.perf_counter() - start}
start = time.perf_counter()
pipe = DPSIMSPipeline.from_pretrained(bundled_model(NAME))
pipe(read_label_map(bundled_examples(NAME)[0], pipe.spec))
seconds["from there to the first photo"] = time.perf_counter() - start
print(json.dumps(seconds))
"""


def start(model: str) -> dict[str, float]:
    """Seconds of each part, in a new process."""
    program = START.replace("NAME", repr(model))
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def checks() -> dict[str, float]:
    """Seconds of the checks of a weight file with all numbers of the generator `dpsims`."""
    network = random_network("dpsims", 151, (256, 256))
    with TemporaryDirectory(prefix="dpsims-start-") as folder:
        network.save_pretrained(folder)
        (file,) = Path(folder).glob("*.safetensors")
        what = f"of {count_parameters(network) / 1e6:.1f} M parameters in float32"
        return {
            f"the check for NaN {what}": seconds_of(lambda: check_numbers(file)),
            f"the checksum {what}": seconds_of(lambda: check_checksum(file)),
        }


def seconds_of(call: Callable[[], None]) -> float:
    """Seconds of the second call: the file is in memory then."""
    call()
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def main(argv: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="outdoor", help="bundled name")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(argv)
    rounds = [start(options.model) | checks() for _ in range(options.rounds)]
    rows = [("what", "seconds, median", "smallest", "largest")]
    for what in rounds[0]:
        values = [one[what] for one in rounds]
        rows.append((what, *(f"{kind(values):.2f}" for kind in (statistics.median, min, max))))
    print(format_table(rows))


if __name__ == "__main__":
    main()
