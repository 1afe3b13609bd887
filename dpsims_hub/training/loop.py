"""The training loop, in reading order: build, resume, step, log, validate, checkpoint, save."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType, ProjectConfiguration, set_seed
from tqdm.auto import tqdm

from dpsims_hub.labels import ClassSpec, FolderDataset
from dpsims_hub.models import (
    DECODER_WIDTHS,
    GENERATOR_PRESETS,
    DPSIMSDiscriminator,
    DPSIMSGenerator,
    PretrainedBackbone,
)
from dpsims_hub.pipeline import DPSIMSPipeline
from dpsims_hub.training.checkpoint import find_checkpoint, save_checkpoint
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.data import PositionSampler, TrainingPairs, make_loader
from dpsims_hub.training.ema import ExponentialMovingAverage
from dpsims_hub.training.preview import save_sheet, validation_sheet
from dpsims_hub.training.step import Networks, NonFiniteLossError, TrainingStep

_NUM_PREVIEWS = 12
_REFRESH_BATCHES = 16
_CALIBRATION_PHOTOS = 64


def build_networks(
    config: TrainConfig, num_classes: int, ignore_index: int
) -> tuple[DPSIMSGenerator, DPSIMSDiscriminator, PretrainedBackbone | None]:
    """The models that a configuration describes."""
    generator = DPSIMSGenerator(
        num_classes=num_classes,
        sample_size=list(config.size),
        ignore_index=ignore_index,
        **{**GENERATOR_PRESETS[config.preset], **config.generator_config},
    )
    settings = {"decoder_widths": DECODER_WIDTHS[config.preset], **config.discriminator_config}
    if config.backbone == "none":
        settings.setdefault("image_encoder_widths", (128, 128, 256, 256, 512, 512))
        return generator, DPSIMSDiscriminator(num_classes=num_classes, **settings), None
    backbone = PretrainedBackbone(
        config.backbone,
        weights=None if config.backbone_weights == "random" else config.backbone_weights,
        image_size=config.size,
        mean=config.backbone_mean or None,
        std=config.backbone_std or None,
        model_kwargs=config.backbone_kwargs,
    )
    settings = {"feature_conditioning": config.feature_conditioning, **settings}
    discriminator = DPSIMSDiscriminator(
        num_classes=num_classes,
        feature_channels=backbone.channels,
        feature_strides=backbone.strides,
        **settings,
    )
    return generator, discriminator, backbone


def make_accelerator(config: TrainConfig) -> Accelerator:
    """Accelerator of the run.

    Raises:
        ValueError: a kind of distribution other than one process per device (DDP) was asked for.
    """
    accelerator = Accelerator(
        mixed_precision=config.mixed_precision,
        gradient_accumulation_steps=config.gradient_accumulation_steps,
        log_with=None if config.report_to == "none" else config.report_to,
        project_config=ProjectConfiguration(config.output_dir, logging_dir=f"{config.output_dir}/logs"),
    )
    supported = (DistributedType.NO, DistributedType.MULTI_GPU, DistributedType.MULTI_CPU)
    if accelerator.distributed_type not in supported:
        raise ValueError(
            f"distributed type {accelerator.distributed_type.value}: two networks train against each other "
            "here, which is supported on one process or with DDP only; choose that in `accelerate config`."
        )
    return accelerator


class Trainer:
    """A run: everything that is built once, and the loop over steps.

    Args:
        config: settings.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.output_dir = Path(config.output_dir)
        self.accelerator = make_accelerator(config)
        set_seed(config.seed)
        spec = ClassSpec.load(config.classes) if config.classes else None
        self.folder = FolderDataset(config.train_data_dir, spec)
        self.spec = self.folder.spec
        self.pairs = TrainingPairs(self.folder, config.size, config.seed, config.max_zoom, config.flip)
        generator, discriminator, backbone = build_networks(config, self.spec.num_classes, self.spec.ignore_index)
        device = self.accelerator.device
        generator.to(device, memory_format=torch.channels_last)
        discriminator.to(device, memory_format=torch.channels_last)
        if backbone is not None:
            backbone.to(device, memory_format=torch.channels_last)
        if self.accelerator.distributed_type == DistributedType.MULTI_GPU:
            generator = torch.nn.SyncBatchNorm.convert_sync_batchnorm(generator)
        self.ema = ExponentialMovingAverage(generator, config.ema_decay)
        if backbone is not None:
            self._calibrate(discriminator, backbone)
        betas = (config.adam_beta1, config.adam_beta2)
        optimizer_g = torch.optim.Adam(generator.parameters(), config.learning_rate_g, betas)
        optimizer_d = torch.optim.Adam(discriminator.parameters(), config.learning_rate_d, betas)
        prepared = self.accelerator.prepare(generator, discriminator, optimizer_g, optimizer_d)
        self.networks = Networks(prepared[0], prepared[1], backbone, prepared[2], prepared[3])
        self.accelerator.register_for_checkpointing(self.ema)
        self.generator = generator
        self.step_function = TrainingStep(
            self.networks, config, self.accelerator, self.spec.num_classes, generator.config.latent_dim,
            self.spec.ignore_index,
        )  # fmt: skip
        self.previews = self._preview_pairs()
        # Every process has its own latents and dropout, after weights that are equal everywhere.
        set_seed(config.seed, device_specific=True)
        self.step = 0
        self.seconds = 0.0
        self.stopping = False

    @torch.no_grad()
    def _calibrate(self, discriminator: DPSIMSDiscriminator, backbone: PretrainedBackbone) -> None:
        """Statistics of real features, from the same first pairs on every process."""
        photos = torch.stack([self.pairs[p]["real_images"] for p in range(_CALIBRATION_PHOTOS)])
        discriminator.conditioning.calibrate(backbone(photos.to(self.accelerator.device)))

    def _preview_pairs(self) -> list[dict[str, torch.Tensor]]:
        """Validation pairs spread over the folder, whole pictures; training pairs where there is none."""
        directory = self.config.validation_data_dir or self.config.train_data_dir
        pairs = TrainingPairs(FolderDataset(directory, self.spec), self.config.size, max_zoom=1.0, flip=False)
        count = min(_NUM_PREVIEWS, len(pairs.folder))
        return [pairs[i * len(pairs.folder) // count] for i in range(count)]

    def resume(self) -> None:
        """Load the wanted checkpoint, if there is one."""
        found = find_checkpoint(self.config.resume_from_checkpoint, self.output_dir)
        if found is None:
            self.accelerator.print("No checkpoint yet: starting from step 0.")
            return
        self.step, path = found
        self.accelerator.load_state(str(path))
        self.accelerator.print(f"Resuming from {path}.")

    def run(self) -> Path:
        """Train to the end and save the averaged generator as a pipeline.

        Returns:
            Folder of the pipeline, in Hub layout.

        Raises:
            NonFiniteLossError: with the step, the term and the last good checkpoint.
        """
        config, accelerator = self.config, self.accelerator
        if config.resume_from_checkpoint:
            self.resume()
        if accelerator.is_main_process:
            self.output_dir.mkdir(parents=True, exist_ok=True)
            config.save(self.output_dir / "config.json")
        accelerator.init_trackers("dpsims", config=_scalars(config))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        start_step = self.step * config.gradient_accumulation_steps
        sampler = PositionSampler(
            config.train_batch_size, accelerator.process_index, accelerator.num_processes, start_step
        )
        progress = tqdm(
            total=config.max_train_steps, initial=self.step, disable=not accelerator.is_local_main_process, unit="step"
        )
        self.networks.generator.train()
        self.networks.discriminator.train()
        started = time.perf_counter()
        for batch in make_loader(self.pairs, sampler, config.dataloader_num_workers):
            if self.step >= config.max_train_steps or self._out_of_time(started):
                break
            self._set_learning_rates()
            logs = self._one_step(batch)
            if not accelerator.sync_gradients:
                continue
            self.step += 1
            self.ema.update(self.generator)
            progress.update()
            self._report(logs, progress)
            if self.step % config.checkpointing_steps == 0:
                save_checkpoint(accelerator, self.output_dir, self.step, config.checkpoints_total_limit)
            if self.step % config.validation_steps == 0:
                self.validate()
            if self._stop_wanted():
                save_checkpoint(accelerator, self.output_dir, self.step, config.checkpoints_total_limit)
                accelerator.print(f"Stopped at step {self.step}; continue with --resume_from_checkpoint latest.")
                break
        self.seconds = time.perf_counter() - started
        progress.close()
        path = self.save_pipeline()
        accelerator.end_training()
        return path

    def _set_learning_rates(self) -> None:
        """A function of the step alone, so that a resumed run needs no scheduler state."""
        config, nets = self.config, self.networks
        left = config.max_train_steps - self.step
        factor = min(1.0, left / config.lr_decay_steps) if config.lr_decay_steps else 1.0
        rates = ((nets.optimizer_g, config.learning_rate_g), (nets.optimizer_d, config.learning_rate_d))
        for optimizer, rate in rates:
            for group in optimizer.param_groups:
                group["lr"] = rate * factor

    def _one_step(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        device = self.accelerator.device
        images = batch["real_images"].to(device, non_blocking=True, memory_format=torch.channels_last)
        try:
            return self.step_function(images, batch["label_map"].to(device, non_blocking=True))
        except NonFiniteLossError as error:
            last = find_checkpoint("latest", self.output_dir)
            raise NonFiniteLossError(
                f"Step {self.step + 1}: {error} Last good checkpoint: {last[1] if last else 'none'}."
            ) from error

    def _report(self, logs: dict[str, torch.Tensor], progress: tqdm) -> None:
        if self.step % self.config.log_steps:
            return
        values = {name: float(value) for name, value in logs.items()}
        rate = progress.format_dict["rate"]
        if rate:
            values["images_per_second"] = (
                rate * self.config.train_batch_size * self.config.samples_per_map * self.accelerator.num_processes
            )
        self.accelerator.log(values, step=self.step)
        progress.set_postfix(g=f"{values['loss_g_adversarial']:.2f}", fake=f"{values['accuracy_fake']:.2f}")
        if self.accelerator.is_main_process:
            with (self.output_dir / "log.jsonl").open("a") as file:
                file.write(json.dumps({"step": self.step, **{k: round(v, 5) for k, v in values.items()}}) + "\n")

    def _refresh(self) -> None:
        """Batch-norm statistics of the averaged weights, from label maps of the training folder."""
        rng = torch.Generator().manual_seed(self.config.seed)
        size, device = self.config.train_batch_size, self.accelerator.device
        inputs = []
        for i in range(_REFRESH_BATCHES):
            positions = [int(p) for p in torch.randint(len(self.folder), (size,), generator=rng)]
            maps = torch.stack([self.pairs[p]["label_map"] for p in positions])
            latents = torch.randn(size, self.generator.config.latent_dim, generator=rng)
            inputs.append((maps.to(device), latents.to(device)))
        with self.accelerator.autocast():
            self.ema.refresh_batch_norm(inputs)

    def validate(self) -> None:
        """Write the validation sheet of the present average."""
        if not self.accelerator.is_main_process:
            return
        self._refresh()
        sheet = validation_sheet(self.ema.model, self.previews, self.spec)
        save_sheet(sheet, self.output_dir / "sheets" / f"step-{self.step:06d}.png")

    def save_pipeline(self) -> Path:
        """Save averaged generator and decoder of the discriminator in Hub layout (safetensors)."""
        path = self.output_dir / "pipeline"
        if self.accelerator.is_main_process:
            self.validate()
            DPSIMSPipeline(self.ema.model, class_spec=self.spec.to_dict()).save_pretrained(path)
            discriminator = self.accelerator.unwrap_model(self.networks.discriminator)
            discriminator.save_pretrained(self.output_dir / "discriminator")
            facts = {"steps": self.step, "seconds": round(self.seconds), "torch": torch.__version__}
            (self.output_dir / "run.json").write_text(json.dumps(facts, indent=2) + "\n")
        self.accelerator.wait_for_everyone()
        return path

    def _out_of_time(self, started: float) -> bool:
        limit = self.config.max_train_minutes * 60
        return bool(limit) and time.perf_counter() - started > limit

    def _ask_to_stop(self, *_: object) -> None:
        self.stopping = True

    def _stop_wanted(self) -> bool:
        """Whether any process was asked to stop: all must leave the loop at the same step."""
        if self.accelerator.num_processes == 1:
            return self.stopping
        flag = torch.tensor(float(self.stopping), device=self.accelerator.device)
        return bool(self.accelerator.reduce(flag, "sum") > 0)


def _scalars(config: TrainConfig) -> dict:
    return {k: v for k, v in vars(config).items() if isinstance(v, int | float | str | bool)}
