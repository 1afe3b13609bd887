"""Photos of a label map that changes a little at a time: only the area around a change is computed.

The features of every layer are stored. A change is computed within a window around it, at the scales whose
cells are at most half as wide as the square root of the number of pixels changed since the last whole pass.
Coarser scales, statistics of the encoder's group norms and everything outside the window keep their values
until the next whole pass (our choice; SIGE, Li et al., NeurIPS 2022, approximates similarly, in tiles). Apart
from this approximation a window equals the same part of the layer's whole result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from dpsims_hub.models.generator import DPSIMSGenerator
from dpsims_hub.models.inference_layers import FoldedBlock, HeldNorm
from dpsims_hub.models.noise import noise_window
from dpsims_hub.models.packed_convolution import SLOPE, PackedConvolution
from dpsims_hub.models.smoothing import smooth
from dpsims_hub.models.upsampling import upsample
from dpsims_hub.models.windows import Window, computed_within

MARGIN = 6
"""Width in pixels of the margin around a change that is computed too, at every scale (our choice)."""


def has_local_passes(network: DPSIMSGenerator) -> bool:
    """Whether parts of photos can be computed: with folded layers, an encoder and noise on its results."""
    config = network.config
    return (
        isinstance(network.blocks[0], FoldedBlock)
        and network.encoder is not None
        and network.encoder.to_full_resolution is not None
        and network.encoder.instance_stem is None
        and config.label_convolution == "lookup"
        and config.noise_injection != "spatial"
        and (network.attentions is None or config.noise_at == "modulation")
    )


class LocalPass:
    """Photos of one (1, latent_dim) latent, for maps each of which differs a little from the one before.

    `form` comes from `inference_form` and must satisfy `has_local_passes`. No other thread may use it during
    a call.
    """

    def __init__(self, form: DPSIMSGenerator, latents: Tensor) -> None:
        self.form, self.latents = form, latents
        encoder = form.encoder
        blocks = (*encoder.down, *encoder.up)
        self.norms = {block: [HeldNorm(norm) for norm in block.norms] for block in blocks}
        self.packed = [layer for layer in form.modules() if isinstance(layer, PackedConvolution)]
        self.scales = range(len(form.blocks))
        w = None if form.mapping is None else form.mapping(latents[:, None])
        self.attentions = [None if w is None else (layer, w) for layer in form.attentions or self.scales]
        self.tile = None if form.fields is None else form.fields(latents[:, None])

    def whole(self, label_map: Tensor) -> Tensor:
        """Compute everything: (1, H, W) ids -> (1, 3, H, W) in [-1, 1], the photo of `form` to the bit."""
        self.label_map = self.last_whole = label_map
        height, width = label_map.shape[1:]
        self.sizes = [(height // 2**scale, width // 2**scale) for scale in self.scales]
        self.features: dict[tuple[str, int], Tensor] = {}  # by the layer's name and its scale
        self._compute([[Window(0, 0, *size)] for size in self.sizes])
        return self.features["photo", 0]

    def update(self, label_map: Tensor, changed: Sequence[Window]) -> Tensor:
        """Compute the areas around changes.

        Args:
            label_map: (1, H, W) ids that differ from the last map within `changed` only.
            changed: in pixels, at least one.

        Returns:
            (1, 3, H, W), the stored photo with the new part; a later call overwrites it.
        """
        self.label_map = label_map
        grown = [window.grown(MARGIN, self.sizes[0]) for window in changed]
        side = (label_map != self.last_whole).sum().item() ** 0.5
        scales = [scale for scale in self.scales if 2**scale <= max(1, side / 2)]
        windows = [list(dict.fromkeys(one.coarser(2**scale) for one in grown)) for scale in scales]
        try:
            for layer in self.packed:
                layer.packs = False
            self._compute(windows)
        finally:
            for layer in self.packed:
                layer.packs = True
        return self.features["photo", 0]

    def _compute(self, windows: list[list[Window]]) -> None:
        """Update the stored features within the windows of each scale, fine to coarse."""
        for window in windows[0]:
            self._embed(window)
        # An encoder block needs one cell for each 3x3 convolution.
        halos = [0, *(len(block.convolutions) for block in self.form.encoder.up)]
        for scale, own in enumerate(windows[1:], 1):
            self._set("down", scale, own, halos[scale], self._down)
        coarse_to_fine = list(reversed(list(enumerate(windows))))
        for scale, own in coarse_to_fine:
            self._set("up", scale, own, halos[scale], self._up)
            self._set("condition", scale, own, 0, self._condition)
        config = self.form.config
        halo = 2 + config.modulation_kernel // 2 + (config.modulation_hidden > 0)
        for scale, own in coarse_to_fine:
            self._set("block", scale, own, halo, self._block)
        self._set("image", 0, windows[0], 1, self._to_rgb)
        self._set("photo", 0, windows[0], 1, self._finish)

    def _set(
        self, name: str, scale: int, windows: list[Window], halo: int, layer: Callable[[Window, int], Tensor]
    ) -> None:
        """Compute windows of a layer's result; the first time, one window that covers all of it."""
        for window in windows:
            part = computed_within(window, halo, self.sizes[scale], lambda area: layer(area, scale))
            if (name, scale) in self.features:
                window.of(self.features[name, scale]).copy_(part)
            else:
                self.features[name, scale] = part.contiguous(memory_format=torch.channels_last)

    def _normed(self, block: torch.nn.Module, features: Tensor, scale: int) -> Tensor:
        whole = features.shape[-2:] == torch.Size(self.sizes[scale])
        norms = self.norms[block]
        return block(features, [norm.whole for norm in norms] if whole else norms)

    def _embed(self, window: Window) -> None:
        def stem(part: Window) -> Tensor:
            return self.form.encoder.stem(part.of(self.label_map))

        both = computed_within(window, 1, self.sizes[0], stem)
        for name, part in zip(("down", "labels"), both.split(self.form.encoder.split, dim=1), strict=True):
            self._set(name, 0, [window], 0, lambda *_, values=part: values)

    def _down(self, part: Window, scale: int) -> Tensor:
        finer = part.finer(2).of(self.features["down", scale - 1])
        return self._normed(self.form.encoder.down[scale - 1], F.avg_pool2d(finer, 2), scale)

    def _up(self, part: Window, scale: int) -> Tensor:
        encoder = self.form.encoder
        if scale == 0:
            context = self._upsampled(part, ("up", 1), encoder.upsample, encoder.to_full_resolution)
            return part.of(self.features["labels", 0]) + context
        features = part.of(self.features["down", scale])
        if scale < len(self.scales) - 1:
            below = self._upsampled(part, ("up", scale + 1), encoder.upsample)
            features = torch.cat([features, below], dim=1)
        return self._normed(encoder.up[scale - 1], features, scale)

    def _upsampled(
        self, part: Window, key: tuple[str, int], mode: str, layer: Callable[[Tensor], Tensor] = lambda x: x
    ) -> Tensor:
        """A window of the next coarser scale's features after `layer`, upsampled 2x."""
        outer = part.coarser(2).grown(1, self.sizes[key[1]])
        finer = upsample(layer(outer.of(self.features[key])), mode)
        return part.within(outer.finer(2)).of(finer)

    def _condition(self, part: Window, scale: int) -> Tensor:
        features, reader = part.of(self.features["up", scale]), self.attentions[scale]
        if reader is None or reader[0] is None:
            return features
        fields = None
        if self.tile is not None:
            fields = part.of(noise_window(self.tile, self.sizes[scale], 23 * scale, None))
        attention, w = reader
        return attention(features, w, None, fields)

    def _block(self, part: Window, scale: int) -> Tensor:
        level = len(self.scales) - 1 - scale
        if level:
            hidden = self._upsampled(part, ("block", scale + 1), self.form.config.upsample)
        else:
            hidden = part.of(self.form.start(self.form.subsample(self.label_map, self.form.stride)))
        return self.form.blocks[level](hidden, part.of(self.features["condition", scale]))

    def _to_rgb(self, part: Window, scale: int) -> Tensor:
        return self.form.to_rgb(F.leaky_relu(part.of(self.features["block", scale]), SLOPE))

    def _finish(self, part: Window, scale: int) -> Tensor:
        image = part.of(self.features["image", scale])
        return torch.tanh(smooth(image) if self.form.config.smooth_output else image)
