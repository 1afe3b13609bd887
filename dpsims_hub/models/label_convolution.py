"""The first convolution on a label map, as a sum of table rows.

A convolution of one-hot planes sums columns of its weight, one for each kernel tap. Reading these columns
from a table is exact. Its cost does not depend on the number of classes, and it is about twenty times faster
on a CPU (our choice: measured before this project was written). The plain convolution is kept as the
reference and for ONNX export.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PaddingMode = Literal["replicate", "zeros"]


class _TableSum(torch.autograd.Function):
    """`embedding_bag(mode="sum")` whose backward pass adds one tap at a time (3x faster on a CPU)."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, indices: Tensor, table: Tensor) -> Tensor:
        ctx.save_for_backward(indices)
        ctx.num_rows = table.shape[0]
        return F.embedding_bag(indices, table, mode="sum")

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> tuple[None, Tensor]:
        (indices,) = ctx.saved_tensors
        grad_table = grad.new_zeros(ctx.num_rows, grad.shape[1])
        for tap in range(indices.shape[1]):
            grad_table.index_add_(0, indices[:, tap], grad)
        return None, grad_table


class LabelConvolution(nn.Module):
    """3x3 (or 1x1) convolution whose input is the one-hot form of a label map.

    Pixels of `ignore_index` are zero in all planes. OASIS's "3D noise" is `num_noise_planes` further input
    planes; noise that is equal at all pixels of an image costs one small matrix product.

    Args:
        num_classes: N, number of one-hot planes.
        out_channels: channels of the result.
        kernel_size: odd side of the kernel, in pixels.
        num_noise_planes: number of noise planes beside the one-hot planes.
        ignore_index: id whose pixels have no plane.
        padding_mode: "replicate" repeats the border label, "zeros" pads with empty pixels.
        method: "lookup" (table rows) or "plain" (one-hot planes and an ordinary convolution).
    """

    def __init__(
        self,
        num_classes: int,
        out_channels: int,
        kernel_size: int = 3,
        num_noise_planes: int = 0,
        ignore_index: int = 255,
        padding_mode: PaddingMode = "replicate",
        method: Literal["lookup", "plain"] = "lookup",
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_noise_planes = num_noise_planes
        self.ignore_index = ignore_index
        self.kernel_size = kernel_size
        self.padding_mode = padding_mode
        self.method = method
        self.weight = nn.Parameter(
            torch.empty(out_channels, num_classes + num_noise_planes, kernel_size, kernel_size)
        )
        self.bias = nn.Parameter(torch.zeros(out_channels))
        # Every pixel sums kernel_size**2 rows; the sum has unit variance (our choice).
        nn.init.normal_(self.weight, std=1.0 / (kernel_size * (1 + num_noise_planes) ** 0.5))

    def forward(self, label_map: Tensor, noise: Tensor | None = None) -> Tensor:
        """Convolve.

        Args:
            label_map: (B, H, W) integer ids in [0, N) or `ignore_index`.
            noise: (B, num_noise_planes), equal at all pixels, or (B, num_noise_planes, H, W); None if there
                are no noise planes.

        Returns:
            (B, out_channels, H, W), channels_last in memory when method is "lookup".

        Raises:
            ValueError: noise is missing, not wanted, or of another shape.
        """
        batch, *size = label_map.shape
        shapes = [(batch, self.num_noise_planes), (batch, self.num_noise_planes, *size)]
        given = None if noise is None else tuple(noise.shape)
        if given not in (shapes if self.num_noise_planes else [None]):
            wanted = " or ".join(map(str, shapes)) if self.num_noise_planes else "none"
            raise ValueError(f"LabelConvolution: expected noise of shape {wanted}, got {given}.")
        if self.method == "plain":
            return self._plain(label_map, noise)
        bias = self.bias[:, None, None]
        if noise is None or noise.ndim == 2:
            return self.look_up(label_map, self.table(noise)) + bias
        planes = self._convolve(noise.to(self.weight.dtype), self.weight[:, self.num_classes :])
        return self.look_up(label_map, self.table(None)) + bias + planes

    def look_up(self, label_map: Tensor, table: Tensor) -> Tensor:
        """The convolution of (B, H, W) ids from the rows of `table`, without the bias."""
        batch, height, width = label_map.shape
        num_rows = table.shape[2]
        ids = label_map.long()
        ids = torch.where(ids == self.ignore_index, self.num_classes, ids)
        taps = self._neighbours(ids)  # (B, H, W, taps)
        offsets = torch.arange(taps.shape[-1], device=ids.device) * num_rows
        if table.shape[0] > 1:
            first_rows = torch.arange(batch, device=ids.device) * num_rows * taps.shape[-1]
            offsets = offsets + first_rows.view(-1, 1, 1, 1)
        indices = (taps + offsets).view(-1, taps.shape[-1])
        out = _TableSum.apply(indices, table.reshape(-1, table.shape[-1]))
        return out.view(batch, height, width, -1).permute(0, 3, 1, 2)

    def table(self, noise: Tensor | None) -> Tensor:
        """(B or 1, taps, N + 2, out): rows of the classes, of ignored pixels and of the zero padding."""
        rows = self.weight.flatten(2).permute(2, 1, 0)  # (taps, N + planes, out)
        zero = rows.new_zeros(rows.shape[0], 1, rows.shape[2])
        table = torch.cat([rows[:, : self.num_classes], zero], dim=1)[None]
        if noise is not None:
            added = torch.einsum("bp,tpo->bto", noise.to(rows.dtype), rows[:, self.num_classes :])
            table = table + added[:, :, None]
        return torch.cat([table, zero[None].expand(table.shape[0], -1, -1, -1)], dim=2)

    def _neighbours(self, ids: Tensor) -> Tensor:
        """(B, H, W) ids -> (B, H, W, taps) ids under each kernel tap."""
        pad, size = self.kernel_size // 2, self.kernel_size
        _, height, width = ids.shape
        if self.padding_mode == "zeros":
            ids = F.pad(ids, (pad,) * 4, value=self.num_classes + 1)
        else:
            rows = torch.arange(-pad, height + pad, device=ids.device).clamp(0, height - 1)
            columns = torch.arange(-pad, width + pad, device=ids.device).clamp(0, width - 1)
            ids = ids[:, rows][:, :, columns]
        taps = [ids[:, dy : dy + height, dx : dx + width] for dy in range(size) for dx in range(size)]
        return torch.stack(taps, dim=-1)

    def _plain(self, label_map: Tensor, noise: Tensor | None) -> Tensor:
        classes = torch.arange(self.num_classes, device=label_map.device).view(1, -1, 1, 1)
        planes = (label_map[:, None] == classes).to(self.weight.dtype)
        if noise is not None:
            noise = noise if noise.ndim == 4 else noise[:, :, None, None].expand(-1, -1, *label_map.shape[1:])
            planes = torch.cat([planes, noise.to(planes.dtype)], dim=1)
        return self._convolve(planes, self.weight, self.bias)

    def _convolve(self, planes: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        pad = self.kernel_size // 2
        if self.padding_mode == "replicate":
            planes, pad = F.pad(planes, (pad,) * 4, mode="replicate"), 0
        return F.conv2d(planes, weight, bias, padding=pad)
