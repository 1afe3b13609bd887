"""Time of a photo in other runtimes, in turns with the optimized form, on the CPU, as a Markdown table.

Needs onnx and onnxruntime, which write and test the ONNX file, and openvino (pip). A runtime that fails has a
line with the reason.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import torch
from torch import Tensor

from dpsims_hub.benchmark.inference import make_inputs
from dpsims_hub.benchmark.timing import describe_seconds, time_in_turns
from dpsims_hub.benchmark.variants import Variant
from dpsims_hub.commands.model_options import load_pipeline
from dpsims_hub.evaluation.report import format_table
from dpsims_hub.hub.onnx_file import PlainGenerator, write_onnx
from dpsims_hub.models import DPSIMSGenerator
from dpsims_hub.models.inference_form import channels_last_copy, inference_form
from dpsims_hub.storage.error_text import one_line

Photos = Callable[[], Tensor]


class Runtimes:
    """One method for each runtime: from a generator to a call that makes the photo of fixed inputs."""

    def __init__(self, generator: DPSIMSGenerator, inputs: tuple[Tensor, Tensor], onnx_file: Path) -> None:
        self.generator, self.inputs, self.file = generator, inputs, onnx_file

    def plain(self) -> Photos:
        """The network as it was trained."""
        return lambda: self.generator(*self.inputs).sample

    def optimized(self) -> Photos:
        """`DPSIMSPipeline.optimize()`."""
        form = inference_form(self.generator)
        return lambda: form(*self.inputs).sample

    def torch_compile(self) -> Photos:
        """`torch.compile` of the ordinary layers, channels innermost."""
        form = torch.compile(channels_last_copy(self.generator, None))
        return lambda: form(*self.inputs).sample

    def aot_inductor(self) -> Photos:
        """`torch._inductor.aoti_compile_and_package` of a network on one-hot planes."""
        module = PlainGenerator(self.generator).eval().to(memory_format=torch.channels_last)
        with patch("dpsims_hub.models.generator.check_label_map"):  # its branch depends on values
            exported = torch.export.export(module, self.inputs)
        package = torch._inductor.aoti_compile_and_package(exported, package_path=str(self.file) + ".pt2")
        loaded = torch._inductor.aoti_load_package(package)
        return lambda: loaded(*self.inputs)

    def onnx_runtime(self) -> Photos:
        """ONNX Runtime on the file of `dpsims export --onnx`."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(self.file, options, providers=["CPUExecutionProvider"])
        fed = dict(zip(("label_map", "latents"), (x.numpy() for x in self.inputs), strict=True))
        return lambda: torch.from_numpy(session.run(None, fed)[0])

    def openvino(self) -> Photos:
        """OpenVINO on the same file, sizes fixed, in float32, for the shortest time of one photo."""
        import openvino

        core = openvino.Core()
        model = core.read_model(self.file)
        model.reshape(dict(zip(("label_map", "latents"), (list(x.shape) for x in self.inputs), strict=True)))
        hints = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        compiled = core.compile_model(
            model, "CPU", {**hints, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        )
        fed = [x.numpy() for x in self.inputs]
        return lambda: torch.from_numpy(compiled(fed)[0])


NAMES = ("plain", "optimized", "torch_compile", "aot_inductor", "onnx_runtime", "openvino")


def main(argv: list[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="outdoor", help="bundled name, folder or Hub id")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--runtimes", nargs="+", default=NAMES, choices=NAMES)
    options = parser.parse_args(argv)
    pipeline = load_pipeline(options.model, "cpu")
    generator = pipeline.generator
    generator.remove_spectral_norm()
    inputs = make_inputs(
        generator, Variant(options.model, "plain"), generator.config.sample_size, torch.device("cpu")
    )
    with tempfile.TemporaryDirectory(prefix="dpsims-runtimes-") as folder, torch.inference_mode():
        file = Path(folder) / "generator.onnx"
        write_onnx(generator, pipeline.spec, file)
        runtimes, expected = Runtimes(generator, inputs[:2], file), generator(*inputs).sample
        rows, calls, failures = [], [], []
        for name in options.runtimes:
            start = time.perf_counter()
            try:
                call = getattr(runtimes, name)()
                difference = float((call() - expected).abs().max()) * 127.5
            except Exception as error:  # each runtime has its own errors: the table names them
                failures.append((name, one_line(error, 200)))
                continue
            rows.append((name, f"{time.perf_counter() - start:.1f}", f"{difference:.2g}"))
            calls.append(call)
            call()
        times = [
            describe_seconds(values) for values in time_in_turns(calls, options.rounds, torch.device("cpu"))
        ]
    base = next((t["median"] for row, t in zip(rows, times, strict=True) if row[0] == "optimized"), None)
    table = [
        ("runtime", "ms a photo (middle half)", "of optimized", "to the first photo, s", "differs by levels")
    ]
    for (name, ready, difference), told in zip(rows, times, strict=True):
        low, high = told["quartiles"]
        share = f"{told['median'] / base:.2f}" if base else ""
        table.append(
            (
                name,
                f"{1e3 * told['median']:.1f} ({1e3 * low:.1f} to {1e3 * high:.1f})",
                share,
                ready,
                difference,
            )
        )
    table += [(name, reason, "", "", "") for name, reason in failures]
    print(f"{options.model}, {torch.get_num_threads()} threads\n\n{format_table(table)}")


if __name__ == "__main__":
    main()
