"""One training step: one batch, one generator pass, one discriminator update, one generator update.

Photos come as `samples_per_map` latents per label map, so that the diversity term needs no further generator
pass, and the backbone sees the generated images once for both updates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from dpsims_hub import losses
from dpsims_hub.models import PretrainedBackbone
from dpsims_hub.training.config import TrainConfig


class NonFiniteLossError(RuntimeError):
    """A loss or a gradient became infinite or not a number; the message names step and term."""


@dataclass
class Networks:
    """The modules of a run, G and D as the accelerator wrapped them.

    Args:
        generator: label maps and latents to images.
        discriminator: features (or images) to logits.
        backbone: frozen feature extractor; None when the discriminator has its own encoder.
        optimizer_g: of the generator.
        optimizer_d: of the discriminator.
    """

    generator: nn.Module
    discriminator: nn.Module
    backbone: PretrainedBackbone | None
    optimizer_g: torch.optim.Optimizer
    optimizer_d: torch.optim.Optimizer


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """No gradients for the module's own parameters inside; they still flow through it."""
    trainable = [p for p in module.parameters() if p.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)


class TrainingStep:
    """The two updates of an iteration.

    Args:
        networks: what is trained.
        config: weights of the losses.
        accelerator: precision, processes, accumulation.
        num_classes: N.
        ignore_index: id of unknown pixels.
        clock: times the phases, see `PhaseClock`; None for no timing.
    """

    def __init__(
        self,
        networks: Networks,
        config: TrainConfig,
        accelerator: Accelerator,
        num_classes: int,
        ignore_index: int = 255,
        clock: Callable[[str], AbstractContextManager] | None = None,
    ) -> None:
        self.networks = networks
        self.config = config
        self.accelerator = accelerator
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.clock = clock or (lambda phase: nullcontext())
        strides = networks.backbone.strides if networks.backbone is not None else []
        self.contrastive_levels = [i for i, s in enumerate(strides) if s in config.contrastive_strides]
        self.diversity_levels = [i for i, s in enumerate(strides) if s in config.diversity_strides]

    def __call__(self, batch: dict[str, Tensor], draws: torch.Generator | None = None) -> dict[str, Tensor]:
        """Update D, then G.

        Args:
            batch: "real_images" (B, 3, H, W) in [-1, 1], "label_map" (B, H, W) ids, "latents" (B, K,
                latent_dim) with K = samples_per_map, perhaps "instance_offsets" (B, 2, H, W); on the device.
            draws: CPU random generator of the losses' places and masks; the same state in every process
                makes several processes compute what one would. None for the global one.

        Returns:
            Losses, accuracies and norms, detached scalars.

        Raises:
            NonFiniteLossError: a loss or a gradient norm is infinite or not a number; it changed no weight.
        """
        nets, accelerator = self.networks, self.accelerator
        label_map, real_images = batch["label_map"], batch["real_images"]
        with accelerator.accumulate(nets.generator, nets.discriminator):
            weights = self.class_weights(label_map)
            with self.clock("generator_forward"), accelerator.autocast():
                fake_images = nets.generator(
                    label_map, batch["latents"].flatten(0, 1), instance_offsets=batch.get("instance_offsets")
                ).sample
                fake = self._features(fake_images)
                with torch.no_grad():
                    real = self._features(real_images)
            with self.clock("d_step"):
                logs = self._discriminator_update(
                    real_images, fake_images, real, fake, label_map, weights, draws
                )
            with self.clock("g_step"):
                logs |= self._generator_update(fake_images, real, fake, label_map, weights, draws)
        return logs

    def class_weights(self, label_map: Tensor) -> Tensor:
        """Balancing weights over the global batch."""
        counts = losses.class_pixel_counts(label_map, self.num_classes, self.ignore_index)
        counts = self.accelerator.reduce(counts, "sum")
        return losses.balancing_weights(counts, label_map.numel() * self.accelerator.num_processes)

    def _features(self, images: Tensor) -> list[Tensor] | Tensor:
        """What D reads: backbone features, or the images themselves with OASIS's own encoder."""
        return images if self.networks.backbone is None else self.networks.backbone(images)

    def _discriminator_update(
        self,
        real_images: Tensor,
        fake_images: Tensor,
        real: list[Tensor] | Tensor,
        fake: list[Tensor] | Tensor,
        label_map: Tensor,
        weights: Tensor,
        draws: torch.Generator | None,
    ) -> dict[str, Tensor]:
        nets, config, size = self.networks, self.config, label_map.shape[1:]
        detached = fake.detach() if isinstance(fake, Tensor) else [f.detach() for f in fake]
        with self.accelerator.autocast():
            real_logits = nets.discriminator(real, size)
            fake_logits = nets.discriminator(detached, size)
            terms = {
                "loss_d_real": losses.class_pixel_loss(
                    real_logits,
                    label_map,
                    weights,
                    config.focal_gamma,
                    self.ignore_index,
                    config.label_smoothing,
                ),
                "loss_d_fake": losses.fake_pixel_loss(fake_logits, config.focal_gamma),
            }
            if config.weight_labelmix:
                first = slice(None, None, config.samples_per_map)
                mask = losses.class_mask(label_map, draws)
                mixed = losses.mix(mask, real_images, fake_images.detach()[first])
                mixed_logits = nets.discriminator(self._features(mixed), size)
                terms["loss_labelmix"] = config.weight_labelmix * losses.labelmix_loss(
                    mixed_logits, mask, real_logits, fake_logits[first]
                )
        norm = self._descend("d", nets.discriminator, nets.optimizer_d, terms)
        return {
            **{name: value.detach() for name, value in terms.items()},
            "grad_norm_d": norm,
            "accuracy_real": losses.pixel_accuracy(real_logits, label_map, self.ignore_index),
            "accuracy_fake": losses.pixel_accuracy(fake_logits, None),
        }

    def _generator_update(
        self,
        fake_images: Tensor,
        real: list[Tensor] | Tensor,
        fake: list[Tensor] | Tensor,
        label_map: Tensor,
        weights: Tensor,
        draws: torch.Generator | None,
    ) -> dict[str, Tensor]:
        nets, config = self.networks, self.config
        maps = label_map.repeat_interleave(config.samples_per_map, dim=0)
        distance = self._pair_distance(fake_images, fake)
        with frozen(nets.discriminator), self.accelerator.autocast():
            logits = nets.discriminator(fake, label_map.shape[1:])
            terms = {
                "loss_g_adversarial": losses.class_pixel_loss(
                    logits, maps, weights, config.focal_gamma, self.ignore_index
                )
            }
            if config.weight_contrastive and self.contrastive_levels:
                terms["loss_g_contrastive"] = config.weight_contrastive * losses.patch_contrastive_loss(
                    [fake[i] for i in self.contrastive_levels],
                    [real[i] for i in self.contrastive_levels],
                    config.contrastive_temperature,
                    config.contrastive_places,
                    generator=draws,
                )
            if config.weight_diversity and distance is not None:
                terms["loss_g_diversity"] = config.weight_diversity * losses.diversity_hinge(
                    distance, config.diversity_threshold
                )
            norm = self._descend("g", nets.generator, nets.optimizer_g, terms)
        logs = {**{name: value.detach() for name, value in terms.items()}, "grad_norm_g": norm}
        if distance is not None:
            logs["pair_distance"] = distance.detach().mean()
        return logs

    def _pair_distance(self, fake_images: Tensor, fake: list[Tensor] | Tensor) -> Tensor | None:
        """How far the second photo of each map is from the first, which gets no gradient."""
        if self.config.samples_per_map < 2:
            return None
        first, second = (slice(i, None, self.config.samples_per_map) for i in (0, 1))
        if not self.diversity_levels:
            return losses.image_distance(fake_images[first].detach(), fake_images[second])
        levels = [fake[i] for i in self.diversity_levels]
        return losses.feature_distance([f[first].detach() for f in levels], [f[second] for f in levels])

    def _descend(
        self, name: str, module: nn.Module, optimizer: torch.optim.Optimizer, terms: dict[str, Tensor]
    ) -> Tensor:
        """Check, backward, clip, step; returns the gradient norm, 0 between the steps of an accumulation."""
        for term, value in terms.items():
            if not torch.isfinite(value):
                raise NonFiniteLossError(f"{term} is {value.item()}.")
        self.accelerator.backward(sum(terms.values()))
        norm = torch.zeros(())
        if self.accelerator.sync_gradients:
            norm = self._clip(name, module)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return norm.detach()

    def _clip(self, name: str, module: nn.Module) -> Tensor:
        """Clip in place, or with no limit only measure."""
        limit = self.config.max_grad_norm or float("inf")
        norm = self.accelerator.clip_grad_norm_(module.parameters(), limit)
        # With fp16 the loss scale is found by overflowing: its scaler leaves such an update out.
        if self.accelerator.scaler is None and not torch.isfinite(norm):
            raise NonFiniteLossError(f"grad_norm_{name} is {norm.item()}.")
        return norm
