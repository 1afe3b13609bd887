"""The backbone of the contrastive loss if `contrastive_backbone_weights` is "if_found".

The choice is made once, at the start of a run. It is written to the run's config.json, and a resumed run
keeps it.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from dpsims_hub.models.backbone import missing_weights
from dpsims_hub.training.config import TrainConfig


def decide_for_all(
    accelerator: Accelerator, config: TrainConfig, checkpoint: Path | None
) -> tuple[TrainConfig, str]:
    """The decision of `decide_contrastive_backbone` in the main process, for every process."""
    decision = decide_contrastive_backbone(config, checkpoint) if accelerator.is_main_process else None
    [(decided, sentence)] = broadcast_object_list([decision])
    # Only these two settings are copied: paths may differ between machines.
    names = ("contrastive_backbone", "contrastive_backbone_weights")
    return dataclasses.replace(config, **{name: getattr(decided, name) for name in names}), sentence


def decide_contrastive_backbone(config: TrainConfig, checkpoint: Path | None) -> tuple[TrainConfig, str]:
    """The settings with "if_found" replaced, and a sentence about the choice ("" if none is needed).

    Nothing is downloaded. If the weights are found, `contrastive_backbone_weights` becomes "pretrained".
    Otherwise `contrastive_backbone` becomes "", which stands for the discriminator's backbone. If the run
    resumes from a `checkpoint`, the config.json beside it contains the choice.

    Raises:
        FileNotFoundError: the checkpoint was trained with weights that are missing now.
    """
    name = config.contrastive_backbone
    if not (name and config.weight_contrastive and config.contrastive_backbone_weights == "if_found"):
        return config, ""
    kept = _kept_choice(config, checkpoint)
    missing = "" if kept == "" else missing_weights(name)
    if kept and missing:
        raise FileNotFoundError(
            f"--resume_from_checkpoint: {checkpoint} was trained with features of {name} in its contrastive "
            f"loss, whose weights are missing now ({missing}); connect to the Hub once so that they are "
            "fetched, or give them as --contrastive_backbone_weights FILE."
        )
    if kept != "" and not missing:
        return dataclasses.replace(config, contrastive_backbone_weights="pretrained"), ""
    reason = f"those of {name} are missing ({missing})" if missing else f"{checkpoint} was trained with them"
    sentence = f"Contrastive loss: features of the discriminator's backbone, because {reason}."
    return dataclasses.replace(config, contrastive_backbone=""), sentence


def _kept_choice(config: TrainConfig, checkpoint: Path | None) -> str | None:
    """`contrastive_backbone` of the run that is resumed; None if there is no such run or no choice in it."""
    file = checkpoint.parent / "config.json" if checkpoint else None
    if file is None or not file.is_file():
        return None
    stored = json.loads(file.read_text())
    name = stored.get("contrastive_backbone")
    decided = name == "" or (
        name == config.contrastive_backbone and stored.get("contrastive_backbone_weights") == "pretrained"
    )
    return name if decided else None
