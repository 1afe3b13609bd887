"""Latents: interpolation, checks, and different latents for single classes (beyond the paper)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from dpsims_hub.labels import ClassSpec
from dpsims_hub.labels.classes.class_forms import is_whole


def interpolate_latents(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Spherical interpolation: latents on the great circle from one to another.

    On a straight line between two normal draws, latents in the middle are much shorter than draws.

    Args:
        start: (latent_dim,), or any (..., latent_dim).
        end: latents of the same shape.
        steps: number of latents, including both ends.

    Returns:
        (steps, ..., latent_dim).

    Raises:
        ValueError: shapes differ, steps is below 2, or latents are not floating-point numbers.
    """
    if not (start.is_floating_point() and end.is_floating_point()):
        raise ValueError(f"latents of {start.dtype} and {end.dtype} cannot be mixed; give floats.")
    if start.shape != end.shape:
        raise ValueError(
            f"latents of shapes {tuple(start.shape)} and {tuple(end.shape)} have no path between."
        )
    if steps < 2:
        raise ValueError(f"steps must be at least 2 (both ends), not {steps}.")
    share = torch.linspace(0, 1, steps, device=start.device).reshape(-1, *[1] * start.ndim)
    a, b = start.float(), end.float()
    angle = torch.arccos(torch.cosine_similarity(a, b, dim=-1).clamp(-1, 1))[..., None]
    on_line = angle.sin() < 1e-4  # (almost) parallel or opposite: no unique circle, so a straight line
    divisor = torch.where(on_line, torch.ones_like(angle), angle.sin())
    near, far = (torch.where(on_line, part, torch.sin(part * angle) / divisor) for part in (1 - share, share))
    return (near * a + far * b).to(start.dtype)


def check_random_sources(generator: Any, latents: Any, count: int) -> None:
    """Refuse all but a random generator, a list of `count` of them or None, and latents that are no floats.

    The ValueError says what to write instead.
    """
    several = isinstance(generator, list)
    given = generator if several else [] if generator is None else [generator]
    wrong = sorted({type(one).__name__ for one in given if not isinstance(one, torch.Generator)})
    if wrong:
        what = f"a list with {', '.join(wrong)} in it" if several else wrong[0]
        seeds = [int(one) for one in given if is_whole(one)]
        form = f"torch.Generator().manual_seed({0 if several or not seeds else seeds[0]})"
        if several:
            form = f"[torch.Generator().manual_seed(seed) for seed in {seeds or list(range(count))}]"
        raise ValueError(
            f"generator must be a torch.Generator or a list of {count}, not {what}; for "
            f"{'seeds' if several else 'a seed'} write generator={form}."
        )
    if several and len(generator) != count:
        raise ValueError(f"{len(generator)} random generators for {count} photos; give one, or one each.")
    if latents is not None:
        check_float_tensor(latents, "latents")


def check_float_tensor(values: Any, name: str) -> None:
    """Refuse an argument that is not a plain, finite tensor of floats, by a ValueError of one sentence."""
    if not isinstance(values, Tensor):
        kind = type(values).__name__
        raise ValueError(f"{name} must be a torch tensor, not {kind}; write torch.as_tensor({name}).float().")
    if values.is_meta or values.layout is not torch.strided or values.is_quantized:
        raise ValueError(f"{name} must be a plain tensor with numbers, not a sparse, quantized or meta one.")
    if values.is_complex():
        raise ValueError(
            f"{name} must hold floats, not {values.dtype}; write {name}.real, or torch.view_as_real({name}) "
            "where both parts count."
        )
    if not values.is_floating_point():
        raise ValueError(f"{name} must hold floats, not {values.dtype}; write {name}.float().")
    # Checked on the CPU only: on another device the host would have to wait for it.
    if values.device.type == "cpu" and not torch.isfinite(values).all():
        raise ValueError(f"{name} must be finite; it holds infinite values or NaN.")


def latents_by_class(
    label_map: Tensor, latents: Tensor, class_latents: Mapping[str | int, Tensor], spec: ClassSpec
) -> tuple[Tensor, Tensor]:
    """Convert latents for single classes to a region map and latents for its regions.

    Args:
        label_map: (B, H, W) ids.
        latents: (B * K, latent_dim) for the pixels of all other classes.
        class_latents: by class name, alias or id: (latent_dim,) or (B * K, latent_dim).
        spec: the class list.

    Returns:
        Region map (B, H, W), 0 for other classes; latents (B * K, 1 + len(class_latents), latent_dim).

    Raises:
        ValueError: a class is unknown or given twice, or latents have another shape.
    """
    if not isinstance(class_latents, Mapping):
        kind = type(class_latents).__name__
        raise ValueError(f'class_latents must be a dict such as {{"sky": latents}}, not {kind}.')
    regions, columns, seen = torch.zeros_like(label_map), [latents], set()
    for number, (name, values) in enumerate(class_latents.items(), start=1):
        check_float_tensor(values, f"class_latents[{name!r}]")
        if values.shape not in (latents.shape, latents.shape[1:]):
            raise ValueError(
                f"class_latents[{name!r}] has shape {tuple(values.shape)}; "
                f"give {tuple(latents.shape[1:])} or {tuple(latents.shape)}."
            )
        class_id = _class_id(name, spec)
        if class_id in seen:
            raise ValueError(
                f"class_latents: {spec.names[class_id]!r} is given twice, as a name and otherwise."
            )
        seen.add(class_id)
        regions[label_map == class_id] = number
        columns.append(values.to(latents).expand_as(latents))
    return regions, torch.stack(columns, dim=1)


def _class_id(name: str | int, spec: ClassSpec) -> int:
    if isinstance(name, str):
        if (found := spec.find(name)) is None:
            raise ValueError(f"class_latents: {spec.name} has no class called {name!r}.")
        return found
    if not is_whole(name):
        raise ValueError(f"class_latents: a class is a name or an id, not {name!r}.")
    if not 0 <= name < spec.num_classes:
        raise ValueError(f"class_latents: {spec.name} has ids 0..{spec.num_classes - 1}, not {name!r}.")
    return int(name)
