"""Training a segmenter on real photos, by the trainer of transformers."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import v2

from dpsims_hub.evaluation.segmenter import Segmenter
from dpsims_hub.evaluation.survey import Pairs, read_pair
from dpsims_hub.labels import Sample, augment_pair

MAX_ZOOM = 2.0  # our choice: crops of a quarter of the photo and more
JITTER = (0.4, 0.4, 0.4, 0.1)  # brightness, contrast, saturation, hue; our choice
MOST_UNKNOWN = 100  # crops in a row without a known pixel, before the data itself must be wrong
SAVE_STEPS = 100
LOG_STEPS = 10


@dataclass(frozen=True)
class TrainingPlan:
    """How long, how fast, and in which arithmetic.

    Args:
        steps: of the optimiser, AdamW.
        batch_size: photos a step.
        learning_rate: at its height; it rises for a tenth of the steps and falls to 0 by a cosine.
        seed: of the head, the order and the crops.
        device: cpu or cuda.
        bf16: forward and backward in bfloat16.
    """

    steps: int = 1200
    batch_size: int = 8
    learning_rate: float = 5e-4
    seed: int = 0
    device: str = "cpu"
    bf16: bool = False


class Lessons(torch.utils.data.Dataset):
    """Random crops of pairs, mirrored and with other light, as the segmenter takes them.

    Example n is a function of the seed and n alone, so that a training that goes on sees what it would have
    seen. Every pair comes once before any comes again.

    Args:
        data: photos and label maps.
        size: (height, width) of the crops.
        processor: gives mean and standard deviation.
        count: of the examples.
        seed: of order, crops and light.
    """

    def __init__(self, data: Pairs, size: tuple[int, int], processor: Any, count: int, seed: int = 0) -> None:
        self.data, self.size, self.count, self.seed = data, size, count, seed
        self.light = v2.ColorJitter(*JITTER)
        self.normalize = v2.Normalize(processor.image_mean, processor.image_std)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """Example `number`: "pixel_values" (3, H, W) and "labels" (H, W), with at least one known pixel."""
        rng = np.random.default_rng((self.seed, 1, int(number)))
        pair = self._cut_out(int(number), rng)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int(rng.integers(2**63)))
            lit = self.light(pair.image)
        pixels = torch.from_numpy(np.array(lit)).permute(2, 0, 1).float() / 255
        return {
            "pixel_values": self.normalize(pixels),
            "labels": torch.from_numpy(pair.label_map.astype(np.int64)),
        }

    def _cut_out(self, number: int, rng: np.random.Generator) -> Sample:
        """The crop of pair `number`, or of the next with a known pixel: without any, the loss is NaN."""
        turn, place = divmod(number, len(self.data))
        order = np.random.default_rng((self.seed, 0, turn)).permutation(len(self.data))
        for further in range(MOST_UNKNOWN):
            index = int(order[(place + further) % len(order)])
            pair = augment_pair(self.data[index], self.size, rng=rng, max_zoom=MAX_ZOOM)
            if (pair.label_map != self.data.spec.ignore_index).any():
                return pair
        raise ValueError(
            f"{MOST_UNKNOWN} label maps in a row have no known pixel in the part that was cut out, the last "
            f"{pair.stem}; run `dpsims check-data` on them."
        )


class Watch:
    """What may look at every step of the training, and end it; both do nothing unless replaced."""

    def begin(self, step: int) -> None:
        """Training begins after a step: 0, or the last checkpoint's."""

    def step(self, step: int, loss: float | None) -> bool:
        """A step is done; the mean loss of some steps is known now and then. True ends the training."""
        return False


def train_segmenter(
    model: torch.nn.Module, processor: Any, data: Pairs, folder: Path, plan: TrainingPlan, watch: Watch
) -> int:
    """Trains a segmenter, from the last checkpoint in the folder if there is one.

    Args:
        model: of `new_segmenter`; changed in place.
        processor: its own.
        data: the training pairs.
        folder: for checkpoints, every 100 steps and when the training is ended early; the last two stay.
        plan: steps and rates.
        watch: looks on.

    Returns:
        How many steps are done, `plan.steps` unless the watch ended it.

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
    if settings.n_gpu > 1:  # it would use all of them, with a batch for each
        settings._n_gpu = 1
    size = (processor.size["height"], processor.size["width"])
    lessons = Lessons(data, size, processor, plan.steps * plan.batch_size, plan.seed)
    trainer = transformers.Trainer(model=model, args=settings, train_dataset=lessons)
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.add_callback(_callback(watch))
    last = last_whole_checkpoint(folder)
    trainer.train(resume_from_checkpoint=None if last is None else str(last))
    if not all(tensor.isfinite().all() for tensor in model.state_dict().values()):
        raise ValueError("the segmenter's weights are not finite any more; give a lower --learning-rate.")
    return trainer.state.global_step


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; those that were not are removed.

    The trainer writes into the final folder, its state last.
    """
    whole = []
    for one in folder.glob("checkpoint-*"):
        if (one / "trainer_state.json").is_file():
            whole.append(one)
        else:
            shutil.rmtree(one, ignore_errors=True)
    return max(whole, key=lambda one: int(one.name.split("-")[1]), default=None)


def sample_sha256(data: Pairs, count: int = 16) -> str:
    """A digest of some pairs at equal distances, to notice that data are other ones."""
    digest = hashlib.sha256()
    for place in range(min(count, len(data))):
        pair = data[place * len(data) // min(count, len(data))]
        digest.update(np.asarray(pair.image).tobytes() + pair.label_map.tobytes())
    return digest.hexdigest()


def _callback(watch: Watch) -> Any:
    """The watch, as the trainer calls it."""
    import transformers

    class Callback(transformers.TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **unused: Any) -> None:
            watch.begin(state.global_step)

        def on_step_end(self, args: Any, state: Any, control: Any, **unused: Any) -> None:
            logged = state.log_history[-1] if state.log_history else {}
            loss = logged.get("loss")
            if watch.step(state.global_step, None if loss is None else float(loss)):
                control.should_save = control.should_training_stop = True

    return Callback()


def score_segmenter(
    segmenter: Segmenter, data: Pairs, size: tuple[int, int], batch_size: int = 8
) -> np.ndarray:
    """What it sees in real photos.

    Args:
        segmenter: the judge.
        data: pairs that it was not trained on.
        size: (height, width) at which photo and map are compared.
        batch_size: photos at a time.

    Returns:
        (n, N, 3) counts of `class_counts`, of every pair.
    """
    counts = []
    for start in range(0, len(data), batch_size):
        pairs = [read_pair(data, index, size) for index in range(start, min(start + batch_size, len(data)))]
        photos = np.stack([pair.photo for pair in pairs])
        maps = np.stack([pair.label_map for pair in pairs])
        counts.append(segmenter.judge(photos, maps))
    return np.concatenate(counts)
