"""Windows of feature maps: layers computed on a part of the image, equal to that part of the whole result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Window:
    """A rectangle of cells of a scale; `bottom` and `right` are exclusive."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def around(cls, changed: Tensor) -> Window | None:
        """The smallest window that contains every true cell of (H, W); None if there is no such cell."""
        rows, columns = (changed.any(dim).nonzero().flatten().tolist() for dim in (1, 0))
        return cls(rows[0], columns[0], rows[-1] + 1, columns[-1] + 1) if rows else None

    @classmethod
    def covering(cls, changed: Tensor, margin: int) -> list[Window]:
        """Windows that together contain every true cell of (H, W); a window is split if this costs less.

        The cost of a window includes `margin` more cells on each side.
        """
        window = cls.around(changed)
        if window is None:
            return []
        inner, (height, width) = window.of(changed), window.size
        dim, half = (0, height // 2) if height >= width else (1, width // 2)
        if half <= margin:
            return [window]
        parts = []
        for number, part in enumerate(
            (inner.narrow(dim, 0, half), inner.narrow(dim, half, max(height, width) - half))
        ):
            shift = [window.top, window.left]
            shift[dim] += number * half
            parts += [one.moved(*shift) for one in cls.covering(part, margin)]
        return parts if sum(one.cost(margin) for one in parts) < window.cost(margin) else [window]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in cells."""
        return self.bottom - self.top, self.right - self.left

    def cost(self, margin: int) -> int:
        """Number of cells, with `margin` more on each side."""
        height, width = self.size
        return (height + 2 * margin) * (width + 2 * margin)

    def moved(self, down: int, right: int) -> Window:
        """A window of the same size, moved by these numbers of cells."""
        return Window(self.top + down, self.left + right, self.bottom + down, self.right + right)

    def grown(self, cells: int, size: tuple[int, int]) -> Window:
        """A window with `cells` more on each side, clipped to the image of `size` (H, W)."""
        return Window(
            max(0, self.top - cells), max(0, self.left - cells),
            min(size[0], self.bottom + cells), min(size[1], self.right + cells),
        )  # fmt: skip

    def coarser(self, factor: int) -> Window:
        """The smallest window that covers this one at a scale with cells `factor` times as wide."""
        return Window(
            self.top // factor, self.left // factor, -(-self.bottom // factor), -(-self.right // factor)
        )

    def finer(self, factor: int) -> Window:
        """The same area at a scale whose cells have 1 / `factor` of the width."""
        return Window(self.top * factor, self.left * factor, self.bottom * factor, self.right * factor)

    def within(self, outer: Window) -> Window:
        """The same area, relative to the upper left corner of `outer`."""
        return self.moved(-outer.top, -outer.left)

    def of(self, features: Tensor) -> Tensor:
        """This part of (..., H, W), as a view."""
        return features[..., self.top : self.bottom, self.left : self.right]


def computed_within(
    window: Window, halo: int, size: tuple[int, int], layer: Callable[[Window], Tensor]
) -> Tensor:
    """The part (..., h, w) of a layer's result inside a window.

    `layer` computes a window from the same part of its inputs, although it needs `halo` cells beyond. So
    cells within `halo` of a side of that window may be wrong, unless it is a side of the image. Therefore a
    larger window is computed, and these cells are cut off. `size` is (H, W) of the whole result.
    """
    outer = window.grown(halo, size)
    return window.within(outer).of(layer(outer))
