"""Options of the subcommands with a model: the model, its device and its precision."""

import argparse
from typing import TYPE_CHECKING

from dpsims_hub.bundled import NAMES, bundled_model
from dpsims_hub.commands.options import add_option, positive_number
from dpsims_hub.processes.quick_start import stand_in_compiler
from dpsims_hub.storage.error_text import first_line

if TYPE_CHECKING:
    from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Adds --model, --device and --dtype."""
    words = "model folder, Hub id (owner/name) or a bundled model's name"
    add_option(parser, "--model", words, "camvid", "PATH")
    add_option(parser, "--device", "cpu, cuda, cuda:1, mps, ... (default: cuda where there is one)")
    add_option(parser, "--dtype", "arithmetic", "fp32", choices=sorted(DTYPES))


def add_truncation_option(parser: argparse.ArgumentParser) -> None:
    """Adds --truncation."""
    words = "of the noise: below 1 fewer extremes and more alike photos"
    add_option(parser, "--truncation", words, 1.0, "X", positive_number)


def load_pipeline(model: str, device: str | None = None, dtype: str = "fp32") -> "DPSIMSPipeline":
    """Loads a model, without the progress bar of diffusers.

    Args:
        model: a bundled model's name, a folder or a Hub id. A folder called camvid is given as ./camvid.
        device: None takes a GPU where there is one.
        dtype: "fp32", "bf16" or "fp16".
    """
    import torch

    from dpsims_hub.processes.cpu_setup import prepare_cpu

    with stand_in_compiler():
        from diffusers.utils import logging

        from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

    prepare_cpu()
    device = usable_device(device)
    path = bundled_model(model) if model in NAMES else model
    logging.disable_progress_bar()
    with stand_in_compiler():
        return DPSIMSPipeline.from_pretrained(path, dtype=getattr(torch, DTYPES[dtype])).to(device)


def usable_device(name: str | None) -> str:
    """The device of that name, after a check that it can be used; None takes a GPU where there is one."""
    import torch

    name = name or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        works = torch.empty(1, device=name).device.type != "meta"
        why = "its tensors have no values"
    except (RuntimeError, AssertionError) as error:  # an unknown name, or a build without that device
        works, why = False, first_line(error)
    if not works:
        raise ValueError(f"--device {name} cannot be used here ({why}).")
    return name
