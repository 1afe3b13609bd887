"""Training of a segmenter on real photos with the trainer of transformers."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import v2

from dpsims_hub.evaluation.segmenter import Segmenter
from dpsims_hub.evaluation.survey import Pairs, read_pair
from dpsims_hub.labels import Sample, augment_pair

if TYPE_CHECKING:
    from transformers import TrainerCallback

MAX_ZOOM = 2.0  # our choice: crops of a quarter of the photo and more
JITTER = (0.4, 0.4, 0.4, 0.1)  # brightness, contrast, saturation, hue; our choice
MOST_UNKNOWN = 100  # crops in a row without a known pixel before the data are refused
SAVE_STEPS = 100
LOG_STEPS = 10
SAMPLED_PAIRS = 16  # in `sample_sha256`
SCORED_AT_ONCE = 8  # photos in a batch


@dataclass(frozen=True)
class TrainingPlan:
    """Settings of the optimiser, AdamW.

    The learning rate rises linearly during the first tenth of the steps, then falls to 0 as a cosine. The
    seed determines the order of the pairs, their crops and the trainer's random numbers.
    """

    steps: int = 1200
    batch_size: int = 8
    learning_rate: float = 5e-4
    seed: int = 0
    device: str = "cpu"
    bf16: bool = False


class CropDataset(torch.utils.data.Dataset):
    """`count` random crops of pairs, some mirrored, with colour jitter, normalized as the processor does.

    Example n depends only on the seed and n, so a resumed training sees the same examples. Every pair is used
    once before any is used again. `size` is (height, width).
    """

    def __init__(self, data: Pairs, size: tuple[int, int], processor: Any, count: int, seed: int = 0) -> None:
        self.data, self.size, self.count, self.seed = data, size, count, seed
        self.light = v2.ColorJitter(*JITTER)
        self.normalize = v2.Normalize(processor.image_mean, processor.image_std)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """Tensors "pixel_values" (3, H, W) and "labels" (H, W) with at least one known pixel."""
        rng = np.random.default_rng((self.seed, 1, int(number)))
        pair = self._crop(int(number), rng)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int(rng.integers(2**63)))
            lit = self.light(pair.image)
        pixels = torch.from_numpy(np.array(lit)).permute(2, 0, 1).float() / 255
        return {
            "pixel_values": self.normalize(pixels),
            "labels": torch.from_numpy(pair.label_map.astype(np.int64)),
        }

    def _crop(self, number: int, rng: np.random.Generator) -> Sample:
        """A crop of a pair or, if it has no known pixel, of a later one: the loss would be NaN."""
        epoch, place = divmod(number, len(self.data))
        order = np.random.default_rng((self.seed, 0, epoch)).permutation(len(self.data))
        for further in range(MOST_UNKNOWN):
            index = int(order[(place + further) % len(order)])
            pair = augment_pair(self.data[index], self.size, rng=rng, max_zoom=MAX_ZOOM)
            if (pair.label_map != self.data.spec.ignore_index).any():
                return pair
        raise ValueError(
            f"{MOST_UNKNOWN} label maps in a row have no known pixel in their crop, the last {pair.stem}; "
            "run `dpsims check-data` on them."
        )


def train_segmenter(
    model: torch.nn.Module,
    processor: Any,
    data: Pairs,
    folder: Path,
    plan: TrainingPlan,
    callback: TrainerCallback,
) -> int:
    """Trains a segmenter in place, from the last checkpoint in the folder if there is one.

    Args:
        model: of `new_segmenter`.
        processor: of `new_segmenter`.
        data: the training pairs.
        folder: for checkpoints, every 100 steps and at an early end; the last two are kept.
        plan: settings of the optimiser.
        callback: may report progress and end the training.

    Returns:
        The number of steps done.

    Raises:
        ValueError: a pair cannot be read, or the weights are not finite at the end.
    """
    import transformers

    settings = transformers.TrainingArguments(
        output_dir=str(folder),
        max_steps=plan.steps,
        per_device_train_batch_size=plan.batch_size,
        learning_rate=plan.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=plan.steps // 10,
        weight_decay=0.01,
        max_grad_norm=1.0,
        seed=plan.seed,
        bf16=plan.bf16,
        use_cpu=plan.device == "cpu",
        logging_steps=LOG_STEPS,
        save_steps=SAVE_STEPS,
        save_total_limit=2,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        train_sampling_strategy="sequential",
    )
    if settings.n_gpu > 1:  # the trainer would use all of them, with a batch for each
        settings._n_gpu = 1
    size = (processor.size["height"], processor.size["width"])
    crops = CropDataset(data, size, processor, plan.steps * plan.batch_size, plan.seed)
    trainer = transformers.Trainer(model=model, args=settings, train_dataset=crops)
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.add_callback(callback)
    last = last_whole_checkpoint(folder)
    trainer.train(resume_from_checkpoint=None if last is None else str(last))
    if not all(tensor.isfinite().all() for tensor in model.state_dict().values()):
        raise ValueError("the segmenter's weights are not finite any more; give a lower --learning-rate.")
    return trainer.state.global_step


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint; incomplete ones are removed."""
    whole = []  # the trainer writes its state last
    for one in folder.glob("checkpoint-*"):
        if (one / "trainer_state.json").is_file():
            whole.append(one)
        else:
            shutil.rmtree(one, ignore_errors=True)
    return max(whole, key=lambda one: int(one.name.split("-")[1]), default=None)


def sample_sha256(data: Pairs) -> str:
    """The SHA-256 of 16 pairs at equal distances, to detect changed data."""
    digest, count = hashlib.sha256(), min(SAMPLED_PAIRS, len(data))
    for place in range(count):
        pair = data[place * len(data) // count]
        digest.update(np.asarray(pair.image).tobytes() + pair.label_map.tobytes())
    return digest.hexdigest()


def score_segmenter(segmenter: Segmenter, data: Pairs, size: tuple[int, int]) -> np.ndarray:
    """`class_counts` (n, N, 3) of a segmenter on n real pairs at a size (height, width)."""
    counts = []
    for start in range(0, len(data), SCORED_AT_ONCE):
        batch = range(start, min(start + SCORED_AT_ONCE, len(data)))
        pairs = [read_pair(data, index, size) for index in batch]
        photos = np.stack([np.asarray(pair.image) for pair in pairs])
        counts.append(segmenter.judge(photos, np.stack([pair.label_map for pair in pairs])))
    return np.concatenate(counts)
