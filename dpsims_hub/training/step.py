"""One training step: a generator pass, a discriminator update and a generator update on one batch.

Each map has `samples_per_map` latents, so that the diversity term needs no further generator pass. The
backbone reads generated images once for both updates. Under mixed precision only the trained networks run in
half precision: in bf16 the backbone's gradient with respect to the image had a measured error of a third of
its length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.utils import parametrize

from dpsims_hub import losses
from dpsims_hub.models import PretrainedBackbone
from dpsims_hub.models.precision import without_autocast
from dpsims_hub.training.augmentation import Augmentation
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.unit_gradient import unit_gradient


class NonFiniteLossError(FloatingPointError):
    """A loss or a gradient is infinite or NaN; the message names step and term."""


@dataclass
class SeenBatch:
    """Inputs of the discriminator, augmented, and the backbone's features of them.

    Args:
        label_map: (B, H, W) ids of the real images.
        weights: (N,) class weights.
        visible: (B * K, H, W), 1 where a generated image is not cut out; None without augmentation.
        real_images: (B, 3, H, W).
        fake_images: (B * K, 3, H, W), map-major.
        real: features of the real images, without gradient; the images themselves with OASIS's encoder.
        fake: the same for the generated images, with gradient.
        unknown: number of maps without a known pixel, a scalar.
    """

    label_map: Tensor
    weights: Tensor
    visible: Tensor | None
    real_images: Tensor
    fake_images: Tensor
    real: list[Tensor] | Tensor
    fake: list[Tensor] | Tensor
    unknown: Tensor


@dataclass
class Networks:
    """The modules of a run, with G and D as wrapped by the accelerator.

    Args:
        generator: label maps and latents to images.
        discriminator: features (or images) to logits.
        backbone: frozen feature extractor; None if the discriminator has its own encoder.
        optimizer_g: of the generator and `patch_projection`.
        optimizer_d: of the discriminator.
        patch_backbone: feature extractor of the contrastive loss; None for `backbone`.
        patch_projection: trained projection of its features, or None.
    """

    generator: nn.Module
    discriminator: nn.Module
    backbone: PretrainedBackbone | None
    optimizer_g: torch.optim.Optimizer
    optimizer_d: torch.optim.Optimizer
    patch_backbone: PretrainedBackbone | None = None
    patch_projection: nn.Module | None = None


def parameters_of(*modules: nn.Module | None) -> list[nn.Parameter]:
    """Parameters of all modules that are not None."""
    return [parameter for module in modules if module is not None for parameter in module.parameters()]


def levels_at(backbone: PretrainedBackbone | None, strides: Sequence[int]) -> list[int]:
    """Indices of the backbone's feature maps at these strides; none without a backbone."""
    return [i for i, s in enumerate(backbone.strides if backbone else ()) if s in strides]


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Turn off gradients of the module's parameters; gradients of its inputs are still computed."""
    trainable = [p for p in module.parameters() if p.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)


@dataclass(eq=False)
class TrainingStep:
    """The two updates of a step; `clock` measures the time of its phases, see `PhaseClock`."""

    networks: Networks
    config: TrainConfig
    accelerator: Accelerator
    num_classes: int
    ignore_index: int = 255
    clock: Callable[[str], AbstractContextManager] = nullcontext

    def __post_init__(self) -> None:
        nets, config = self.networks, self.config
        self.augmentation = Augmentation(config.augmentation_changes, config.augmentation_probability)
        patches = nets.patch_backbone or nets.backbone
        self.contrastive_levels = levels_at(patches, config.contrastive_strides)
        self.diversity_levels = levels_at(nets.backbone, config.diversity_strides)

    def __call__(self, batch: dict[str, Tensor], draws: torch.Generator | None = None) -> dict[str, Tensor]:
        """Update D, then G.

        Args:
            batch: "real_images" (B, 3, H, W) in [-1, 1], "label_map" (B, H, W) ids, "latents" (B, K,
                latent_dim) with K = samples_per_map, perhaps "instance_offsets" (B, 2, H, W); on the device.
                With augmentation "draws" (B, NUM_DRAWS), on the CPU.
            draws: CPU random generator of the losses' places and masks, the same in every process; None for
                the global one.

        Returns:
            Losses, accuracies and gradient norms as detached scalars.

        Raises:
            NonFiniteLossError: a loss or a gradient norm is infinite or NaN. This is checked after D's update
                and before G's.
            ValueError: a label map has no known pixel; checked at the same time.
        """
        nets, accelerator = self.networks, self.accelerator
        with accelerator.accumulate(nets.generator, nets.discriminator):
            with self.clock("generator_forward"):
                with accelerator.autocast():
                    fake_images = nets.generator(
                        batch["label_map"],
                        batch["latents"].flatten(0, 1),
                        instance_offsets=batch.get("instance_offsets"),
                    ).sample
                seen = self._look(batch, fake_images)
            # With "update" all passes of D's update use the same weights.
            shared = self.config.power_iterations == "update"
            with self.clock("d_step"), parametrize.cached() if shared else nullcontext():
                logs = self._discriminator_update(seen, draws)
            with self.clock("g_step"):
                logs |= self._generator_update(seen, draws, logs)
        return logs

    def _look(self, batch: dict[str, Tensor], fake_images: Tensor) -> SeenBatch:
        """Augment real and generated images in the same way, and compute their features."""
        label_map, real_images, visible = batch["label_map"], batch["real_images"], None
        unknown = (label_map == self.ignore_index).flatten(1).all(dim=1).sum()
        each = self.config.samples_per_map
        if self.augmentation.changes:
            draws = batch["draws"]
            label_map = self.augmentation.label_map(label_map, draws, self.ignore_index)
            real_images = self.augmentation.images(real_images, draws)
            fake_images = self.augmentation.images(fake_images, draws.repeat_interleave(each, dim=0))
            visible = self.augmentation.visible(label_map.shape[1:], draws)
            visible = visible.to(label_map.device, non_blocking=True).repeat_interleave(each, dim=0)
        with torch.no_grad():
            real = self._features(real_images)
        limited = fake_images
        if self.config.backbone_gradient == "unit":
            limited = unit_gradient(fake_images, self.config.gradient_accumulation_steps)
        return SeenBatch(
            label_map=label_map,
            weights=self.class_weights(label_map),
            visible=visible,
            real_images=real_images,
            fake_images=fake_images,
            real=real,
            fake=self._features(limited),
            unknown=unknown,
        )

    def class_weights(self, label_map: Tensor) -> Tensor:
        """Class-balancing weights (N,) for the batches of all processes together."""
        counts = losses.class_pixel_counts(label_map, self.num_classes, self.ignore_index)
        counts = self.accelerator.reduce(counts, "sum")
        return losses.balancing_weights(counts, label_map.numel() * self.accelerator.num_processes)

    def _features(self, images: Tensor) -> list[Tensor] | Tensor:
        """Inputs of D: backbone features, or the images themselves if D has OASIS's encoder."""
        backbone = self.networks.backbone
        if backbone is None:
            return images
        if self.config.backbone_precision == "mixed":
            with self.accelerator.autocast():
                return backbone(images)
        return backbone(images.float())

    def _discriminator_update(self, seen: SeenBatch, draws: torch.Generator | None) -> dict[str, Tensor]:
        nets, config, size = self.networks, self.config, seen.label_map.shape[1:]
        detached = seen.fake.detach() if isinstance(seen.fake, Tensor) else [f.detach() for f in seen.fake]
        with self.accelerator.autocast():
            real_logits = nets.discriminator(seen.real, size)
            fake_logits = nets.discriminator(detached, size)
        terms = {
            "loss_d_real": losses.class_pixel_loss(
                real_logits,
                seen.label_map,
                seen.weights,
                config.focal_gamma,
                self.ignore_index,
                config.label_smoothing,
            ),
            "loss_d_fake": losses.fake_pixel_loss(fake_logits, config.focal_gamma, seen.visible),
        }
        if config.weight_labelmix:
            first = slice(None, None, config.samples_per_map)
            mask = losses.class_mask(seen.label_map, self.num_classes, draws)
            mixed = losses.mix(mask, seen.real_images, seen.fake_images.detach()[first])
            mixed_features = self._features(mixed)
            with self.accelerator.autocast():
                mixed_logits = nets.discriminator(mixed_features, size)
            terms["loss_labelmix"] = config.weight_labelmix * losses.labelmix_loss(
                mixed_logits, mask, real_logits, fake_logits[first]
            )
        norm = self._gradients(parameters_of(nets.discriminator), terms)
        self._update(nets.optimizer_d)
        return {
            **{name: value.detach() for name, value in terms.items()},
            "grad_norm_d": norm,
            "accuracy_real": losses.pixel_accuracy(real_logits, seen.label_map, self.ignore_index),
            "accuracy_fake": losses.pixel_accuracy(fake_logits, None, visible=seen.visible),
        }

    def _generator_update(
        self, seen: SeenBatch, draws: torch.Generator | None, logs_d: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        nets, config = self.networks, self.config
        distances = self._pair_distances(seen)
        maps = seen.label_map.repeat_interleave(config.samples_per_map, dim=0)
        with frozen(nets.discriminator):
            with self.accelerator.autocast():
                logits = nets.discriminator(seen.fake, seen.label_map.shape[1:])
            terms = {
                "loss_g_adversarial": losses.class_pixel_loss(
                    logits, maps, seen.weights, config.focal_gamma, self.ignore_index
                )
            }
            if config.weight_contrastive and self.contrastive_levels:
                fake, real = self._patch_features(seen)
                terms["loss_g_contrastive"] = config.weight_contrastive * losses.patch_contrastive_loss(
                    fake,
                    real,
                    config.contrastive_temperature,
                    config.contrastive_places,
                    nets.patch_projection,
                    draws,
                    config.contrastive_reduction,
                    config.contrastive_normalize,
                )
            if config.weight_diversity and distances is not None:
                terms["loss_g_diversity"] = config.weight_diversity * losses.diversity_hinge(
                    distances, config.diversity_threshold
                )
            norm = self._gradients(parameters_of(nets.generator, nets.patch_projection), terms)
        logs = {**{name: value.detach() for name, value in terms.items()}, "grad_norm_g": norm}
        self._check({**logs_d, **logs}, seen.unknown)
        self._update(nets.optimizer_g)
        if distances is not None:
            logs["pair_distance"] = distances.detach().mean()
        return logs

    def _patch_features(self, seen: SeenBatch) -> tuple[list[Tensor], list[Tensor]]:
        """Features of generated and of real images that the contrastive loss compares."""
        backbone, fake, real = self.networks.patch_backbone, seen.fake, seen.real
        if backbone is not None:
            with without_autocast(seen.fake_images.device.type):
                fake = backbone(seen.fake_images.float())
                with torch.no_grad():
                    real = backbone(seen.real_images.float())
        return [fake[i] for i in self.contrastive_levels], [real[i] for i in self.contrastive_levels]

    def _pair_distances(self, seen: SeenBatch) -> Tensor | None:
        """Distances (pairs, B) between each photo of a map and each earlier one, which gets no gradient."""
        each, kind = self.config.samples_per_map, self.config.diversity_distance
        if each < 2:
            return None
        measure = losses.feature_distance
        compared = [seen.fake[level] for level in self.diversity_levels]
        if kind.startswith("images") or not compared:
            compared, kind = [seen.fake_images], kind.replace("features", "images")
        if kind != "features":
            measure = partial(losses.l1_distance, centred=kind == "images")
        distances = []
        for i, j in combinations(range(each), 2):
            first, second = slice(i, None, each), slice(j, None, each)
            distances.append(measure([x[first].detach() for x in compared], [x[second] for x in compared]))
        return torch.stack(distances)

    def _gradients(self, parameters: list[nn.Parameter], terms: dict[str, Tensor]) -> Tensor:
        """Run the backward pass, and clip; returns the gradient norm, 0 for micro-batches before the last."""
        self.accelerator.backward(sum(terms.values()))
        if not self.accelerator.sync_gradients:
            return torch.zeros((), device=self.accelerator.device)
        if limit := self.config.max_grad_norm:
            return self.accelerator.clip_grad_norm_(parameters, limit).detach()
        self.accelerator.unscale_gradients()
        return nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])

    def _update(self, optimizer: torch.optim.Optimizer) -> None:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def _check(self, logs: dict[str, Tensor], unknown: Tensor) -> None:
        """Check maps, losses and norms together, so that the host waits for the device only once."""
        # With fp16 the gradient scaler adjusts its scale by overflows, and skips such an update.
        names = [
            name
            for name in logs
            if name.startswith("loss_") or (name.startswith("grad_norm_") and self.accelerator.scaler is None)
        ]
        values = torch.stack([logs[name].detach().float() for name in names])
        if torch.isfinite(values).all() & (unknown == 0):
            return
        if count := int(unknown):
            raise ValueError(
                f"{count} label map(s) of the batch have no known pixel, and the gradient of such a map is "
                "of no use; leave them out of the batch."
            )
        for name, value in zip(names, values.tolist(), strict=True):
            if not math.isfinite(value):
                raise NonFiniteLossError(f"{name} is {value}.")
