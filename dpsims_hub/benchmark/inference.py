"""Speed of photos: all variants, interleaved with each other and with the convolution ceiling."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor

from dpsims_hub.benchmark.ceiling import WHAT, best_convolution
from dpsims_hub.benchmark.timing import (
    CLOCKS,
    Call,
    Clock,
    describe_seconds,
    graphed,
    seconds_of,
    time_in_turns,
)
from dpsims_hub.benchmark.variants import BASELINE, FORMS, Form, Variant
from dpsims_hub.models import DPSIMSGenerator
from dpsims_hub.models.costs import LiveMemory, count_multiply_adds, count_parameters, tensor_bytes
from dpsims_hub.models.inference_form import inference_form
from dpsims_hub.models.packed_convolution import PackedConvolution
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline

LEVELS = 127.5
"""Levels of an 8-bit photo per unit in [-1, 1]."""

SET_UP = 3
"""Calls that prepare a variant, besides warm-up: of the plain network, the first one, one for the memory."""

Make = Callable[[], DPSIMSGenerator]
Advance = Callable[[int], object]


@dataclass
class Subject:
    """A variant, the call that makes its photos (None if it does not work here), and JSON-safe results."""

    variant: Variant
    call: Call | None
    facts: dict = field(default_factory=dict)


def benchmark_inference(
    networks: Mapping[str, Make],
    variants: Sequence[Variant],
    size: tuple[int, int],
    device: torch.device,
    rounds: int = 10,
    warmup: int = 2,
    advance: Advance = lambda count: None,
    limit: float = float("inf"),
    clock: str = "wall",
) -> dict:
    """Times every variant in every round; see `time_in_turns`.

    Ctrl-C ends the benchmark; the rows then contain what was finished.

    Args:
        networks: functions that return a network in float32 on the CPU, by name.
        variants: of these networks.
        size: (H, W) of maps and photos, in pixels.
        device: of the networks.
        rounds: at least 2.
        warmup: calls before the timing, besides the first one.
        advance: called with 1 after every call; `count_calls` times if all variants work.
        limit: seconds after which no further round begins.
        clock: one of `CLOCKS`, for devices other than CUDA.

    Returns:
        Rows by variant, the ceilings, sizes of the networks; JSON-safe.

    Raises:
        ValueError: too few rounds, or the networks cannot make photos of this size.
        KeyboardInterrupt: Ctrl-C before the first call of a variant was finished.
    """
    if rounds < 2 or warmup < 0:
        raise ValueError(f"a benchmark needs at least 2 rounds and 0 to warm up, got {rounds} and {warmup}.")
    subjects: list[Subject] = []
    sizes, ceilings, seconds, interrupted = {}, {}, [], False
    try:
        with torch.inference_mode():
            for name, make in networks.items():
                reference = make().to(device)
                sizes[name] = _size_of(reference)
                own = [variant for variant in variants if variant.network == name]
                for subject in _subjects(reference, own, size, device, warmup, advance, CLOCKS[clock]):
                    subjects.append(subject)  # one by one, for Ctrl-C
            dtypes = dict.fromkeys(FORMS[subject.variant.form].dtype for subject in subjects)
            ceilings = {dtype: best_convolution(dtype, device) for dtype in dtypes}
            calls = [*(one.call for one in subjects if one.call), *(call for call, _ in ceilings.values())]
            time_in_turns(calls, rounds, device, advance, limit, CLOCKS[clock], seconds)
    except KeyboardInterrupt:
        interrupted = True
        if not any("first_call_seconds" in subject.facts for subject in subjects):
            raise
    working = [subject for subject in subjects if subject.call is not None]
    for subject, own in zip(working, seconds, strict=False):
        if own:
            subject.facts["seconds"] = describe_seconds(own)
    timed = zip(ceilings.items(), seconds[len(working) :], strict=False)
    rates = {dtype: work / describe_seconds(own)["median"] for (dtype, (_, work)), own in timed if own}
    return {
        "interrupted": interrupted,
        "clock": clock,
        "rounds": min(map(len, seconds), default=0),
        "rounds_wanted": rounds,
        "warmup": warmup,
        "size": {"height": size[0], "width": size[1]},
        "device": str(device),
        "networks": sizes,
        "ceiling": {
            "what": WHAT,
            "multiply_adds_per_second": {
                str(dtype).removeprefix("torch."): rate for dtype, rate in rates.items()
            },
        },
        "memory_of": "tensors at the peak of a call, weights included",
        "variants": _beside_baseline([_row(subject, rates) for subject in subjects]),
    }


def count_calls(variants: Sequence[Variant], rounds: int, warmup: int) -> int:
    """Calls of a benchmark in which every variant works, ceilings included."""
    ceilings = len({FORMS[variant.form].dtype for variant in variants})
    return len(variants) * (SET_UP + warmup + rounds) + ceilings * rounds


def _size_of(network: DPSIMSGenerator) -> dict:
    return {
        "parameters": count_parameters(network),
        "stride": network.stride,
        "num_classes": network.config.num_classes,
    }


def _subjects(
    reference: DPSIMSGenerator,
    variants: Sequence[Variant],
    size: tuple[int, int],
    device: torch.device,
    warmup: int,
    advance: Advance,
    clock: Clock,
) -> Iterator[Subject]:
    """The variants of one network; each is prepared after it was yielded."""
    forms: dict[str, DPSIMSGenerator] = {}
    counted: dict[tuple[int, int], tuple[int, Tensor]] = {}
    for variant in variants:
        label_map, latents = make_inputs(reference, variant, size, device)
        made = variant.maps, variant.photos
        if made not in counted:
            photos: list[Tensor] = []
            work = count_multiply_adds(
                lambda a=label_map, b=latents, p=photos: p.append(reference(a, b).sample)
            )
            counted[made] = work, photos[0]
        advance(1)
        work, expected = counted[made]
        subject = Subject(variant, None, {"multiply_adds": work})
        yield subject
        try:
            if variant.form not in forms:
                forms[variant.form] = _in_form(copy.deepcopy(reference), FORMS[variant.form], device)
            _prepare(subject, forms[variant.form], label_map, latents, expected, warmup, advance, clock)
        except Exception as error:  # compilers and drivers raise exceptions of any class
            subject.facts["failure"] = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def make_inputs(
    network: DPSIMSGenerator, variant: Variant, size: tuple[int, int], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Ids (B, H, W) in blocks of 8x8 pixels and latents (B * K, latent_dim), equal at every call.

    Raises:
        ValueError: the size (H, W) does not fit the network.
    """
    height, width = size
    if height % network.stride or width % network.stride:
        raise ValueError(
            f"--resolution: {width}x{height} (width x height) must be multiples of {network.stride}."
        )
    random = torch.Generator().manual_seed(0)
    shape = (variant.maps, height // 8 + 1, width // 8 + 1)
    blocks = torch.randint(network.config.num_classes, shape, generator=random)
    label_map = blocks.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, :height, :width].contiguous()
    latents = torch.randn(variant.made, network.config.latent_dim, generator=random)
    return label_map.to(device), latents.to(device)


def _in_form(network: DPSIMSGenerator, form: Form, device: torch.device) -> DPSIMSGenerator:
    torch.nn.Module.to(network, device, form.dtype)  # that of diffusers would warn
    if form.optimized:
        return inference_form(network)
    if form.channels_last:
        network.to(memory_format=torch.channels_last)
    if form.compile:
        network.compile()
    return network


def _prepare(
    subject: Subject,
    network: DPSIMSGenerator,
    label_map: Tensor,
    latents: Tensor,
    expected: Tensor,
    warmup: int,
    advance: Advance,
    clock: Clock,
) -> None:
    """First call, warm-up, memory, and the largest difference from the plain network's photos."""
    variant, device, form = subject.variant, label_map.device, FORMS[subject.variant.form]
    call = _make_call(variant, network, label_map, latents)
    photos: list[Tensor] = []
    subject.facts["first_call_seconds"] = seconds_of(lambda: photos.append(call()), device, clock)
    advance(1)
    for _ in range(warmup):
        call()
        advance(1)
    if not form.pipeline:
        difference = (photos[0].float() - expected).abs()
        subject.facts["largest_difference_levels"] = difference.max().item() * LEVELS
    if not (form.compile or form.pipeline):  # their weights are not those of `network` alone
        subject.facts["call_memory_bytes"] = _peak(call, device)
        subject.facts["peak_memory_bytes"] = subject.facts["call_memory_bytes"] + weight_bytes(network)
    advance(1)
    subject.call = graphed(call) if form.graph else call


def _make_call(variant: Variant, network: DPSIMSGenerator, label_map: Tensor, latents: Tensor) -> Call:
    form = FORMS[variant.form]
    if form.graph and label_map.device.type != "cuda":
        raise ValueError("CUDA graphs need a CUDA device.")
    if form.pipeline:
        pipe, maps = DPSIMSPipeline(network).optimize(), label_map.cpu().numpy()
        return lambda: pipe(maps, variant.photos, latents=latents).images
    if variant.calls == 1:
        return lambda: network(label_map, latents).sample
    parts = latents.split(variant.made // variant.calls)  # one map: its photos in several calls
    return lambda: torch.cat([network(label_map, part).sample for part in parts])


def _peak(call: Call, device: torch.device) -> int:
    """Bytes of all live tensors at the peak of a call, without weights."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return torch.cuda.max_memory_allocated(device) - before
    with LiveMemory() as memory:
        call()
    return memory.peak


def weight_bytes(network: torch.nn.Module) -> int:
    """Bytes of parameters, buffers and packed convolution weights."""
    packed = (layer.packed_bytes for layer in network.modules() if isinstance(layer, PackedConvolution))
    return tensor_bytes(network) + sum(packed)


def _row(subject: Subject, rates: Mapping[torch.dtype, float]) -> dict:
    variant, facts = subject.variant, subject.facts
    row = asdict(variant) | {"name": variant.name, "photos_made": variant.made} | facts
    row["multiply_adds_per_photo"] = row.pop("multiply_adds") / variant.made
    if "seconds" in facts:
        median, (low, high) = facts["seconds"]["median"], facts["seconds"]["quartiles"]
        row["photos_per_second"] = variant.made / median
        row["milliseconds_per_photo"] = {
            "median": 1000 * median / variant.made,
            "quartiles": [1000 * low / variant.made, 1000 * high / variant.made],
        }
        work = row["multiply_adds_per_photo"] * variant.made
        if rate := rates.get(FORMS[variant.form].dtype):
            # K calls encode the map K times; the useful work is that of a single call.
            row["share_of_ceiling"] = work / median / rate
    return row


def _beside_baseline(rows: list[dict]) -> list[dict]:
    """Adds the speed of each variant relative to plain OASIS, where that was timed."""
    name = Variant(BASELINE, "plain").name
    baseline = next((row for row in rows if row["name"] == name and "seconds" in row), None)
    for row in rows if baseline else []:
        if "seconds" in row:
            per_photo = row["milliseconds_per_photo"]["median"]
            row["times_as_fast_as_oasis"] = baseline["milliseconds_per_photo"]["median"] / per_photo
    return rows
