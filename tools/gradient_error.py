"""How far the gradient at a photo is from that of float32, with G and D in bf16 and with the backbone too.

    python tools/gradient_error.py --train_data_dir camvid/train --backbone mobilenetv2_100

Takes flags of train_accelerate.py; the preset is `small`. The gradient is that of the generator's losses, but
not of the diversity term, at four photos in the trainer's first step.
"""

import sys
from collections.abc import Sequence
from tempfile import TemporaryDirectory

import torch
from accelerate.state import AcceleratorState, GradientState
from torch import Tensor

from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.data import collate
from dpsims_hub.training.loop import Trainer
from dpsims_hub.training.transform import network_inputs

FIXED = ("--preset", "small", "--report_to", "none", "--learning_rate_d", "1e-12", "--weight_diversity", "0")
BF16 = ("--mixed_precision", "bf16")
WAYS = {"backbone in float32": BF16, "backbone in bf16": (*BF16, "--backbone_precision", "mixed")}


def gradient(flags: Sequence[str]) -> Tensor:
    """The gradient at the photos, flat; two equal photos for each map, as from two latents."""
    AcceleratorState._reset_state(reset_partial_state=True)  # else the first precision stays
    GradientState._reset_state()
    with TemporaryDirectory() as folder:
        trainer = Trainer(parse_config([*FIXED, "--output_dir", folder, *flags]))
    items = collate([trainer.data_loader.pairs[position] for position in range(4)])
    inputs = network_inputs({name: items[name] for name in ("real_images", "label_map", "latents")}, "cpu")
    photos = inputs["real_images"].repeat_interleave(2, dim=0).requires_grad_()
    trainer.networks.generator.register_forward_hook(
        lambda module, inputs, output: type(output)(sample=photos + 0 * output.sample)
    )
    trainer.step_function(inputs, torch.Generator().manual_seed(0))
    return photos.grad.flatten()


def gradient_errors(flags: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Length of the difference from float32's gradient as a share of its length, and the cosine, by way."""
    exact, found = gradient(flags), {name: gradient([*flags, *more]) for name, more in WAYS.items()}
    long = exact.norm()
    return {
        k: (float((g - exact).norm() / long), float(g @ exact / g.norm() / long)) for k, g in found.items()
    }


if __name__ == "__main__":
    for way, (error, cosine) in gradient_errors(sys.argv[1:]).items():
        print(f"{way}: off by {error:.3f} of its length, cosine {cosine:.4f}")
