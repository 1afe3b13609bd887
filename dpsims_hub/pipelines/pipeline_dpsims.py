"""`DPSIMSPipeline`, which makes photos from label maps in one forward pass.

"generator" has two meanings, as everywhere in diffusers: the component (the network, `pipe.generator`,
`from_pretrained(generator=network)`) and the call argument (the random generator, `pipe(generator=rng)`).
"""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
import torch
from diffusers import ImagePipelineOutput
from diffusers.image_processor import VaeImageProcessor
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from dpsims_hub.models import DPSIMSGenerator
from dpsims_hub.models.inference_form import channels_last_copy, describe_form, inference_form
from dpsims_hub.models.truncation import truncate_
from dpsims_hub.pipelines.edit_session import EditSession
from dpsims_hub.pipelines.latents import check_float_tensor, check_random_sources, latents_by_class
from dpsims_hub.pipelines.map_batches import photo_size, read_map_batch, resize_maps
from dpsims_hub.pipelines.model_folder import StoredPipeline, matching_spec
from dpsims_hub.storage.plain_values import plain_value

OUTPUT_TYPES = ("pil", "np", "pt")


class DPSIMSPipeline(StoredPipeline):
    """Makes photos from label maps with a DP-SIMS network.

    Args:
        generator: the network.
        class_spec: `ClassSpec.to_dict()` of its training classes, saved in model_index.json; None to name
            the classes by their numbers.

    Raises:
        ValueError: class_spec and network differ in the number of classes or the id of unknown pixels.
    """

    model_cpu_offload_seq = "generator"

    def __init__(self, generator: DPSIMSGenerator, class_spec: dict | None = None) -> None:
        super().__init__()
        self.register_modules(generator=generator)
        self.register_to_config(class_spec=plain_value(class_spec))
        self.image_processor = VaeImageProcessor(vae_scale_factor=1)
        self.spec = matching_spec(generator.config, class_spec)
        self.restore()

    @property
    def id2label(self) -> dict[int, str]:
        """Class names by id, with integer keys."""
        return self.spec.id2label

    @torch.no_grad()
    def __call__(
        self,
        label_map: Any,
        num_images_per_label: int = 1,
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: Tensor | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        *,
        height: int | None = None,
        width: int | None = None,
        allow_distortion: bool = False,
        region_map: Any = None,
        class_latents: Mapping[str | int, Tensor] | None = None,
        instance_offsets: Tensor | None = None,
    ) -> ImagePipelineOutput | tuple:
        """Make K photos of each of B label maps.

        A map and a latent give the same photo in every batch, up to rounding. Results that depend only on the
        map are computed once for its K photos.

        Args:
            label_map: one map as `read_label_map` takes it (path, image, (H, W) array, nested list, ...), a
                list of maps of one size, or a (B, H, W) integer array; (H, W, 3 or 4) is one colour map.
            num_images_per_label: K.
            generator: random generator of the latents, or a list of B * K; a generator on the CPU draws the
                same latents for every device and dtype.
            latents: given latents (B * K, latent_dim), in the order map 0 photo 0, map 0 photo 1, ...; with
                `region_map` (B * K, R, latent_dim).
            output_type: "pil" images; "np" (B * K, H, W, 3) or "pt" (B * K, 3, H, W) floats in [0, 1].
            return_dict: whether to return an ImagePipelineOutput or a tuple of the images.
            height: resize the maps (nearest neighbour) to this height; needs `width` too. By default maps are
                not resized. Both sides must be multiples of `pipe.generator.stride`.
            width: see `height`.
            allow_distortion: resize even where width : height changes by more than 5 %.
            region_map: (H, W) or (B, H, W) integers in [0, R), resized like the maps: the index of the latent
                that each pixel reads.
            class_latents: latents for single classes, by name or id, each (latent_dim,) or (B * K,
                latent_dim); the pixels of all other classes read `latents`.
            instance_offsets: (B, 2, H, W) of the final size, for a network built with them.

        Returns:
            Photos in the order of `latents`.

        Raises:
            FileNotFoundError: a path does not exist.
            ValueError: an input is invalid; the message says which, and what to do.
        """
        self.check_inputs(num_images_per_label, output_type, height, width, region_map, class_latents)
        num_images_per_label = int(num_images_per_label)
        maps = self.prepare_label_map(label_map, height, width, allow_distortion)
        regions = self.prepare_region_map(region_map, maps, allow_distortion)
        num_regions = None if regions is None else int(regions.max()) + 1
        latents = self.prepare_latents(len(maps) * num_images_per_label, generator, latents, num_regions)
        if latents.ndim == 3 and latents.shape[1] == 1:
            regions = None
        if class_latents:
            regions, latents = latents_by_class(maps, latents, class_latents, self.spec)
        if instance_offsets is not None:
            check_float_tensor(instance_offsets, "instance_offsets")
        device, dtype = self._execution_device, self.network.dtype
        photos = self.network(
            maps.to(device),
            latents.to(device, dtype),
            regions if regions is None else regions.to(device),
            instance_offsets if instance_offsets is None else instance_offsets.to(device, dtype),
            return_dict=False,
        )[0]
        images = self.postprocess(photos, output_type)
        self.maybe_free_model_hooks()
        return ImagePipelineOutput(images=images) if return_dict else (images,)

    def check_inputs(
        self,
        num_images_per_label: int,
        output_type: str,
        height: int | None = None,
        width: int | None = None,
        region_map: Any = None,
        class_latents: Any = None,
    ) -> None:
        """Check the arguments of a call without reading the maps; ValueError if one is invalid."""
        count = num_images_per_label
        if isinstance(count, bool) or not isinstance(count, Integral) or count < 1:
            raise ValueError(f"num_images_per_label must be a whole number of at least 1, not {count!r}.")
        if output_type not in OUTPUT_TYPES:
            raise ValueError(f"output_type must be one of {', '.join(OUTPUT_TYPES)}, not {output_type!r}.")
        if (height is None) != (width is None):
            raise ValueError("give height and width together, or neither.")
        sizes = [side for side in (height, width) if side is not None]
        if any(isinstance(side, bool) or not isinstance(side, Integral) for side in sizes):
            raise ValueError(f"height and width must be whole numbers of px, not {height!r} and {width!r}.")
        if region_map is not None and class_latents:
            raise ValueError("give region_map or class_latents, not both: each says what a pixel reads.")

    def prepare_label_map(
        self,
        label_map: Any,
        height: int | None = None,
        width: int | None = None,
        allow_distortion: bool = False,
    ) -> Tensor:
        """Read label maps into (B, H, W) int64 ids on the CPU; the arguments are those of a call.

        Raises:
            FileNotFoundError: a path does not exist.
            ValueError: a map cannot be read, sizes differ, or the network cannot make photos of this size.
        """
        maps = read_map_batch(label_map, self.spec)
        wanted = None if height is None or width is None else (int(height), int(width))
        size = photo_size(maps.shape[1:], self.generator.stride, wanted, allow_distortion)
        return torch.from_numpy(resize_maps(maps, size))

    def prepare_region_map(
        self, region_map: Any, label_map: Tensor, allow_distortion: bool = False
    ) -> Tensor | None:
        """Resize a (H, W) or (B, H, W) region map to the size of the prepared label maps; None stays None.

        Raises:
            ValueError: the region map has a wrong shape or wrong values, or would be distorted.
        """
        if region_map is None:
            return None
        try:
            regions = torch.as_tensor(region_map).cpu().numpy()
        except (TypeError, ValueError, RuntimeError):
            kind = type(region_map).__name__
            raise ValueError(f"region_map must be an array or tensor of whole numbers, not {kind}.") from None
        if regions.ndim == 2:
            regions = np.broadcast_to(regions, (len(label_map), *regions.shape))
        if regions.ndim != 3 or len(regions) != len(label_map) or 0 in regions.shape:
            raise ValueError(
                f"region_map has shape {regions.shape}; give (H, W) or ({len(label_map)}, H, W)."
            )
        if regions.dtype.kind not in "iu" or regions.min() < 0:
            raise ValueError(
                "region_map must hold whole numbers from 0: which of the latents each pixel reads."
            )
        height, width = label_map.shape[1:]
        size = photo_size(regions.shape[1:], self.generator.stride, (height, width), allow_distortion)
        return torch.from_numpy(resize_maps(regions, size))

    def prepare_latents(
        self,
        batch_size: int,
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: Tensor | None = None,
        num_regions: int | None = None,
    ) -> Tensor:
        """Draw latents from N(0, 1), or check given ones.

        They are drawn in float32 for every dtype of the network, so that a seed always gives the same photo.

        Args:
            batch_size: B * K.
            generator: random generator, or a list of `batch_size` random generators.
            latents: given latents; they may have more regions than the region map uses.
            num_regions: 1 + the largest number in the region map, or None without a region map.

        Returns:
            (B * K, latent_dim), or (B * K, R, latent_dim) with `num_regions`.

        Raises:
            ValueError: the shape of the latents or the number of random generators is wrong.
        """
        generator = list(generator) if isinstance(generator, tuple) else generator
        check_random_sources(generator, latents, batch_size)
        regions = () if num_regions is None else (num_regions,)
        shape = (batch_size, *regions, self.generator.config.latent_dim)
        if latents is not None:
            given = tuple(latents.shape)
            fits = len(given) == len(shape) and (given[0], given[-1]) == (shape[0], shape[-1])
            if not fits or given[1] < shape[1]:
                raise ValueError(
                    f"latents have shape {given}; these maps and photos need {shape}, map by map."
                )
            return latents
        return randn_tensor(shape, generator=generator, device=self._execution_device, dtype=torch.float32)

    def postprocess(self, photos: Tensor, output_type: str = "pil") -> Any:
        """Convert (B, 3, H, W) photos in [-1, 1] to an `output_type` of `__call__`."""
        return self.image_processor.postprocess(photos.float(), output_type=output_type)

    @property
    def network(self) -> DPSIMSGenerator:
        """The network that makes the photos: `generator`, or its form for inference after `optimize`."""
        form, made_of, _ = self._inference
        return form if made_of is self.generator else self.generator

    def optimize(self, dtype: torch.dtype | None = None, compile: bool = False) -> "DPSIMSPipeline":
        """Make photos faster until `restore`, and return the pipeline; `optimization` describes the result.

        A copy of the network computes the photos (`dpsims_hub.models.inference_form`). `generator` does not
        change and is what is saved. Later changes of its weights do not change the copy. Photos are equal up
        to rounding: on a CPU in float32 those of the bundled models change by less than 0.001 of 255 levels.

        Args:
            dtype: dtype of the copy, such as torch.bfloat16, which is faster on CPUs with AMX or AVX512-bf16
                and on GPUs (docs/benchmarks.md). Single pixels then differ by up to 7.4 of 255 levels with
                the bundled models, and by up to 25 with random weights.
            compile: use `torch.compile` on a copy with ordinary layers; each size's first call is slow.
        """
        if compile:
            form = channels_last_copy(self.generator, dtype)
            form.compile()
        else:
            form = inference_form(self.generator, dtype)
        self._inference = form, self.generator, compile
        return self

    @property
    def optimization(self) -> str:
        """A line on what `optimize` did: dtype, folded layers, fused convolutions; "" without `optimize`."""
        if self.network is self.generator:
            return ""
        return describe_form(self.network) + "; torch.compile" * self._inference[2]

    def edit_session(
        self, label_map: Any, latents: Tensor | None = None, generator: torch.Generator | None = None
    ) -> EditSession:
        """Open a session for painting; the cost of its `update` depends on how much of the map changed.

        Args:
            label_map: one map, as in a call.
            latents: (1, latent_dim); drawn by default.
            generator: random generator of drawn latents.

        Raises:
            ValueError: the map or the latents are invalid.
        """
        network = inference_form(self.generator) if self.network is self.generator else self.network
        latents = self.prepare_latents(1, generator, latents)
        return EditSession(network, label_map, latents, self.prepare_label_map, self.postprocess)

    def restore(self) -> "DPSIMSPipeline":
        """Undo `optimize`, so that `generator` makes the photos again, and return the pipeline."""
        self._inference = None, None, False
        return self

    def truncate(self, truncation: float) -> "DPSIMSPipeline":
        """Move the noise towards its mean (truncation trick), and return the pipeline.

        This changes the weights of `generator`, which are saved. `truncate(1 / 0.7)` undoes `truncate(0.7)`
        up to rounding. Open edit sessions do not change. See `dpsims_hub.models.truncation`.

        Args:
            truncation: 1 changes nothing; values towards 0 give fewer extremes and more similar photos.

        Raises:
            ValueError: it is not a finite number above 0, or the generator has no cross-attention.
        """
        own_dtype, was_optimized, compiled = self._form()
        truncate_(self.generator, truncation)
        return self.optimize(own_dtype, compiled) if was_optimized else self

    def to(self, *args: Any, **kwargs: Any) -> "DPSIMSPipeline":
        """As `DiffusionPipeline.to`; the copy of `optimize` is made again."""
        own_dtype, was_optimized, compiled = self._form()
        moved = super().to(*args, **kwargs)
        return moved.optimize(own_dtype, compiled) if was_optimized else moved

    def _form(self) -> tuple[torch.dtype | None, bool, bool]:
        """The copy's dtype if it is not the network's, whether there is a copy, whether it is compiled."""
        network = self.network
        own_dtype = None if network.dtype == self.generator.dtype else network.dtype
        return own_dtype, network is not self.generator, self._inference[2]


DPSIMSPipeline.__module__ = "dpsims_hub"  # in published files, independent of the class's module
