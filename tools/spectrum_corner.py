"""Share of an image's energy in patterns of single pixels, for real and generated photos of the same maps.

    python tools/spectrum_corner.py --model camvid --data camvid/val

It is the energy where both frequencies are above 0.4 cycles per pixel, in ten-thousandths of the total
energy of the grey image.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from dpsims_hub import DPSIMSPipeline, bundled_model
from dpsims_hub.labels import FolderDataset
from dpsims_hub.labels.transforms.augment import resize_pair


def corner_energy(photo: np.ndarray) -> float:
    """Energy in the corner of the spectrum of a photo (H, W, 3) in [-1, 1], in 1e-4 of the total."""
    energy = np.square(np.abs(np.fft.fft2(photo.mean(axis=2))))
    high = [np.abs(np.fft.fftfreq(side)) > 0.4 for side in energy.shape]
    return float(1e4 * energy[np.ix_(*high)].sum() / energy.sum())


def main() -> None:
    """Print one line per label map: real photo, generated photo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="camvid", help="camvid or a pipeline folder")
    parser.add_argument("--data", type=Path, required=True, help="images/, labels/ and a classes.json")
    parser.add_argument("--every", type=int, default=30, help="use every N-th pair (default: 30)")
    arguments = parser.parse_args()
    pipe = DPSIMSPipeline.from_pretrained(bundled_model() if arguments.model == "camvid" else arguments.model)
    folder = FolderDataset(arguments.data)
    rng = torch.Generator().manual_seed(0)
    for index in range(0, len(folder), arguments.every):
        sample = resize_pair(folder[index], tuple(pipe.generator.config.sample_size))
        real = np.asarray(sample.image) / 127.5 - 1
        fake = pipe(sample.label_map, generator=rng, output_type="np").images[0] * 2 - 1
        print(f"{sample.stem}: real {corner_energy(real):.2f}, generated {corner_energy(fake):.2f}")


if __name__ == "__main__":
    main()
