"""The training loop, in reading order: build, resume, step, log, checkpoint, validate, save."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from accelerate.utils import DistributedType, set_seed
from diffusers import DiffusionPipeline, ModelMixin
from safetensors import SafetensorError
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from dpsims_hub.labels import ClassSpec, FolderDataset
from dpsims_hub.models import DPSIMSDiscriminator, DPSIMSGenerator, PretrainedBackbone
from dpsims_hub.pipeline import DPSIMSPipeline
from dpsims_hub.sheets import save_picture
from dpsims_hub.training.build import build_networks, make_accelerator
from dpsims_hub.training.checkpoint import find_checkpoint, put_in_place, save_checkpoint, starting_point
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.data import PositionSampler, TrainingPairs, make_loader
from dpsims_hub.training.ema import ExponentialMovingAverage
from dpsims_hub.training.preview import validation_sheet
from dpsims_hub.training.run_log import RunLog
from dpsims_hub.training.step import Networks, NonFiniteLossError, TrainingStep
from dpsims_hub.training.stopping import StopRequest

_NUM_PREVIEWS = 12
_REFRESH_BATCHES = 16
_CALIBRATION_PHOTOS = 64


class Trainer:
    """A run: everything that is built once, and the loop over steps.

    Args:
        config: settings.

    Raises:
        ValueError: settings or data that cannot be used; the sentence says which.
        FileNotFoundError: a folder, checkpoint or weights file is not there.
    """

    def __init__(self, config: TrainConfig) -> None:
        if not config.train_data_dir:
            raise ValueError("--train_data_dir: missing; name a folder with images/, labels/, classes.json.")
        self.config = config
        self.output_dir = Path(config.output_dir)
        self.step, self.checkpoint = starting_point(config.resume_from_checkpoint, self.output_dir)
        self.seconds = 0.0
        self.log = RunLog(self.output_dir / "log.jsonl")
        self.accelerator = make_accelerator(config)
        set_seed(config.seed)
        spec = ClassSpec.load(config.classes) if config.classes else None
        self.folder = FolderDataset(config.train_data_dir, spec)
        self.spec = self.folder.spec
        self.pairs = TrainingPairs(self.folder, config.size, config.seed, config.max_zoom, config.flip)
        self.previews = self._preview_pairs()
        self._prepare(*build_networks(config, self.spec.num_classes, self.spec.ignore_index))
        # Every process has its own latents and dropout, after weights that are equal everywhere.
        set_seed(config.seed, device_specific=True)

    def _preview_pairs(self) -> list[dict[str, Tensor]]:
        """Validation pairs spread over the folder; training pairs where there is none.

        Photos are shown whole where they have the proportions of --resolution, otherwise the largest part
        that has; always the same part.
        """
        if not self.config.validation_data_dir:
            self.accelerator.print("No --validation_data_dir: the validation sheets show training pairs.")
        directory = self.config.validation_data_dir or self.config.train_data_dir
        pairs = TrainingPairs(FolderDataset(directory, self.spec), self.config.size, max_zoom=1.0, flip=False)
        count = min(_NUM_PREVIEWS, len(pairs.folder))
        return [pairs[i * len(pairs.folder) // count] for i in range(count)]

    def _prepare(
        self,
        generator: DPSIMSGenerator,
        discriminator: DPSIMSDiscriminator,
        backbone: PretrainedBackbone | None,
    ) -> None:
        """Device, average, optimisers, processes."""
        config, accelerator = self.config, self.accelerator
        for module in (generator, discriminator, backbone):
            if module is not None:
                module.to(accelerator.device, memory_format=torch.channels_last)
        if accelerator.distributed_type == DistributedType.MULTI_GPU:
            generator = torch.nn.SyncBatchNorm.convert_sync_batchnorm(generator)
        self.generator = generator
        self.ema = ExponentialMovingAverage(generator, config.ema_decay)
        if discriminator.conditioning.method == "standardize":
            discriminator.conditioning.calibrate(self._real_features(backbone))
        betas = (config.adam_beta1, config.adam_beta2)
        optimizer_g = torch.optim.Adam(generator.parameters(), config.learning_rate_g, betas)
        optimizer_d = torch.optim.Adam(discriminator.parameters(), config.learning_rate_d, betas)
        prepared = accelerator.prepare(generator, discriminator, optimizer_g, optimizer_d)
        self.networks = Networks(prepared[0], prepared[1], backbone, prepared[2], prepared[3])
        accelerator.register_for_checkpointing(self.ema)
        spec, latent_dim = self.spec, generator.config.latent_dim
        self.step_function = TrainingStep(
            self.networks, config, accelerator, spec.num_classes, latent_dim, spec.ignore_index
        )

    @torch.no_grad()
    def _real_features(self, backbone: PretrainedBackbone) -> list[Tensor]:
        """Features of the same first photos on every process."""
        photos = torch.stack([self.pairs[p]["real_images"] for p in range(_CALIBRATION_PHOTOS)])
        return backbone(photos.to(self.accelerator.device))

    def run(self) -> Path:
        """Train to the end, to a signal or to the time limit, and save the averaged generator.

        Returns:
            Folder of the pipeline, in Hub layout.

        Raises:
            NonFiniteLossError: with the step, the term and the last good checkpoint.
            ValueError: the checkpoint does not fit the settings.
        """
        config, accelerator = self.config, self.accelerator
        # Before the checkpoint is loaded: a new iterator draws from the random generator of the latents.
        batches = iter(self._loader())
        self._begin()
        with StopRequest(accelerator, config.max_train_minutes) as stop, self._progress_bar() as progress:
            stopping = False
            while self.step < config.max_train_steps and not stopping:
                logs = self._update(batches)
                progress.update()
                self._report(logs, progress)
                stopping = stop.wanted()
                last = stopping or self.step == config.max_train_steps
                if last or self.step % config.checkpointing_steps == 0:
                    save_checkpoint(accelerator, self.output_dir, self.step, config.checkpoints_total_limit)
                if self.step % config.validation_steps == 0 and not last:
                    self.validate()
        self.seconds = stop.elapsed
        if stopping:
            accelerator.print(f"Stopped at step {self.step}; --resume_from_checkpoint latest continues.")
        path = self.save_pipeline()
        accelerator.end_training()
        return path

    def _loader(self) -> DataLoader:
        config, accelerator = self.config, self.accelerator
        sampler = PositionSampler(
            config.train_batch_size,
            accelerator.process_index,
            accelerator.num_processes,
            start_step=self.step * config.gradient_accumulation_steps,
        )
        return make_loader(self.pairs, sampler, config.dataloader_num_workers)

    def _progress_bar(self) -> tqdm:
        return tqdm(
            total=self.config.max_train_steps,
            initial=self.step,
            unit="step",
            disable=not self.accelerator.is_local_main_process,
        )

    def _begin(self) -> None:
        """Load the checkpoint, write the settings, open the logs."""
        config, accelerator = self.config, self.accelerator
        if self.checkpoint is not None:
            self._load(self.checkpoint)
            accelerator.print(f"Resuming from {self.checkpoint}.")
        elif config.resume_from_checkpoint:
            accelerator.print(f"No checkpoint in {self.output_dir} yet: starting from step 0.")
        if accelerator.is_main_process:
            self.output_dir.mkdir(parents=True, exist_ok=True)
            config.save(self.output_dir / "config.json")
            self.log.rewind(self.step)
        accelerator.init_trackers("dpsims", config=_scalars(config))
        height, width = config.size
        accelerator.print(
            f"{len(self.folder)} pairs of {self.spec.num_classes} classes at {width}x{height}; "
            f"{accelerator.num_processes} process(es) on {accelerator.device}; generator "
            f"{_millions(self.generator)}, discriminator {_millions(self.networks.discriminator)}."
        )
        self.networks.generator.train()
        self.networks.discriminator.train()

    def _load(self, path: Path) -> None:
        rank = self.accelerator.process_index
        if not (path / f"random_states_{rank}.pkl").is_file():
            print(f"{path} was saved by fewer processes: process {rank} starts with fresh latents.")
        try:
            self.accelerator.load_state(str(path))
        except (RuntimeError, OSError, KeyError, IndexError, ValueError, SafetensorError) as error:
            raise ValueError(
                f"--resume_from_checkpoint: {path} is damaged or was made with other settings; use those of "
                f"the config.json beside it ({error})."
            ) from error
        self.accelerator.step = 0  # micro-batches: a checkpoint lies between two updates

    def _update(self, batches: Iterator[dict[str, Tensor]]) -> dict[str, Tensor]:
        """One update of both networks and of the average; returns the logs of its last micro-batch."""
        self._set_learning_rates()
        logs: dict[str, Tensor] = {}
        for _ in range(self.config.gradient_accumulation_steps):
            logs = self._one_step(next(batches))
        self.step += 1
        self.ema.update(self.generator)
        return logs

    def _set_learning_rates(self) -> None:
        """A function of the step alone, so that a resumed run needs no scheduler state."""
        config, nets = self.config, self.networks
        left = config.max_train_steps - self.step
        factor = min(1.0, left / config.lr_decay_steps) if config.lr_decay_steps else 1.0
        rates = ((nets.optimizer_g, config.learning_rate_g), (nets.optimizer_d, config.learning_rate_d))
        for optimizer, rate in rates:
            for group in optimizer.param_groups:
                group["lr"] = rate * factor

    def _one_step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        device = self.accelerator.device
        images = batch["real_images"].to(device, non_blocking=True, memory_format=torch.channels_last)
        try:
            return self.step_function(images, batch["label_map"].to(device, non_blocking=True))
        except NonFiniteLossError as error:
            last = find_checkpoint("latest", self.output_dir)
            raise NonFiniteLossError(
                f"Step {self.step + 1}: {error} Last good checkpoint: {last[1] if last else 'none'}."
            ) from error

    def _report(self, logs: dict[str, Tensor], progress: tqdm) -> None:
        config = self.config
        if self.step % config.log_steps:
            return
        values = {name: float(value) for name, value in logs.items()}
        photos = config.train_batch_size * config.gradient_accumulation_steps * config.samples_per_map
        if rate := progress.format_dict["rate"]:
            values["images_per_second"] = rate * photos * self.accelerator.num_processes
        self.accelerator.log(values, step=self.step)
        progress.set_postfix(g=f"{values['loss_g_adversarial']:.2f}", fake=f"{values['accuracy_fake']:.2f}")
        if self.accelerator.is_main_process:
            self.log.write(self.step, values)

    def averaged_model(self) -> AbstractContextManager[DPSIMSGenerator]:
        """The averaged generator with fresh batch-norm statistics, from maps of the training folder."""
        rng = torch.Generator().manual_seed(self.config.seed)
        size = max(2, self.config.train_batch_size)  # one map may be one value per channel
        device = self.accelerator.device
        inputs = []
        for _ in range(_REFRESH_BATCHES):
            positions = [int(p) for p in torch.randint(len(self.folder), (size,), generator=rng)]
            maps = torch.stack([self.pairs[p]["label_map"] for p in positions])
            latents = torch.randn(size, self.generator.config.latent_dim, generator=rng)
            inputs.append((maps.to(device), latents.to(device)))
        return self.ema.refreshed(inputs, self.accelerator.autocast())

    def validate(self) -> None:
        """Write the validation sheet of the present average."""
        if self.accelerator.is_main_process:
            with self.averaged_model() as model:
                self._write_sheet(model)

    def _write_sheet(self, model: DPSIMSGenerator) -> None:
        sheet = validation_sheet(model, self.previews, self.spec)
        save_picture(sheet, self.output_dir / "sheets" / f"step-{self.step:06d}.png")

    def save_pipeline(self) -> Path:
        """Save averaged generator and decoder of the discriminator in Hub layout (safetensors).

        Returns:
            Folder of the pipeline; the discriminator is beside it.
        """
        path = self.output_dir / "pipeline"
        if self.accelerator.is_main_process:
            with self.averaged_model() as model:
                self._write_sheet(model)
                _save_whole(DPSIMSPipeline(model, class_spec=self.spec.to_dict()), path)
            discriminator = self.accelerator.unwrap_model(self.networks.discriminator)
            _save_whole(discriminator, self.output_dir / "discriminator")
            facts = {
                "steps": self.step,
                "seconds": round(self.seconds),  # of this start; a resumed run's earlier ones are not counted
                "processes": self.accelerator.num_processes,
                "torch": torch.__version__,
            }
            (self.output_dir / "run.json").write_text(json.dumps(facts, indent=2) + "\n")
        self.accelerator.wait_for_everyone()
        return path


def _save_whole(model: DiffusionPipeline | ModelMixin, folder: Path) -> None:
    temporary = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    model.save_pretrained(temporary)
    put_in_place(temporary, folder)


def _scalars(config: TrainConfig) -> dict[str, int | float | str | bool]:
    return {k: v for k, v in vars(config).items() if isinstance(v, int | float | str | bool)}


def _millions(module: torch.nn.Module) -> str:
    return f"{sum(p.numel() for p in module.parameters()) / 1e6:.2f} M parameters"
