"""The training loop, in reading order: build, resume, step, log, checkpoint, validate, save."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import torch
from accelerate.utils import DistributedType, send_to_device, set_seed
from safetensors import SafetensorError
from torch import Tensor
from tqdm.auto import tqdm

from dpsims_hub.models import DPSIMSDiscriminator, DPSIMSGenerator, PretrainedBackbone
from dpsims_hub.models.costs import count_parameters, peak_memory
from dpsims_hub.pictures.sheets import save_picture
from dpsims_hub.processes.cpu_setup import prepare_cpu
from dpsims_hub.training.build import build_patch_networks, make_accelerator
from dpsims_hub.training.checkpoint import find_checkpoint, load_data_state, save_checkpoint, starting_point
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.contrastive_choice import decide_for_all
from dpsims_hub.training.data import collate
from dpsims_hub.training.data_loader import (
    TrainingDataLoader,
    example_transform,
    training_source,
    validation_source,
)
from dpsims_hub.training.ema import ExponentialMovingAverage
from dpsims_hub.training.finetune import build_run
from dpsims_hub.training.phases import PhaseClock
from dpsims_hub.training.plan import batch_sentence
from dpsims_hub.training.preview import NUM_PREVIEWS, validation_sheet
from dpsims_hub.training.run_log import RunLog, log_picture
from dpsims_hub.training.saving import PIPELINE_FOLDER, save_run
from dpsims_hub.training.step import Networks, NonFiniteLossError, TrainingStep, parameters_of
from dpsims_hub.training.stopping import StopRequest
from dpsims_hub.training.transform import network_inputs

_CALIBRATION_PHOTOS = 64


class Trainer:
    """A run: everything that is built once, and the loop over steps.

    Raises:
        ValueError: the settings or the data cannot be used.
        FileNotFoundError: a folder, checkpoint or weights file is missing.
    """

    def __init__(self, config: TrainConfig) -> None:
        prepare_cpu()
        source = training_source(config)
        self.output_dir = Path(config.output_dir)
        self.step, self.checkpoint = starting_point(config.resume_from_checkpoint, self.output_dir)
        self.seconds = 0.0
        self.log = RunLog(self.output_dir / "log.jsonl")
        self.accelerator = make_accelerator(config)
        self.config, self.choice = config, _ = decide_for_all(self.accelerator, config, self.checkpoint)
        self.clock = PhaseClock(self.accelerator.device)
        set_seed(config.seed)
        with self.accelerator.main_process_first():  # which downloads for the others
            data = source.open()
        self.spec = data.spec
        *networks, report = build_run(config, self.spec)
        if report:
            self.accelerator.print("\n".join(report))
        transform = example_transform(config, self.spec, networks[0].config.latent_dim)
        self.data_loader = TrainingDataLoader(
            config, data, transform, self.accelerator.process_index, self.accelerator.num_processes
        )
        if (validation := validation_source(config)) is None:
            self.accelerator.print("No validation data: the validation sheets show training pairs.")
        shown = data if validation is None else validation.open(self.spec)
        plain = replace(transform, max_zoom=1.0, flip=False, latent_dim=0)
        self.previews = TrainingDataLoader(config, shown, plain).spread(NUM_PREVIEWS)
        self._prepare(*networks)
        # The weights are equal in all processes. From here on random numbers differ, for dropout.
        set_seed(config.seed, device_specific=True)

    def _prepare(
        self,
        generator: DPSIMSGenerator,
        discriminator: DPSIMSDiscriminator,
        backbone: PretrainedBackbone | None,
    ) -> None:
        """Move the networks to the device, and make their average, optimisers and DDP wrappers."""
        config, accelerator = self.config, self.accelerator
        patch_backbone, projection = build_patch_networks(config, backbone)
        every = (generator, discriminator, backbone, patch_backbone, projection)
        modules = [module for module in every if module is not None]
        for frozen in {backbone, patch_backbone} - {None}:
            frozen.fold_batch_norms()
        for module in modules:
            module.to(accelerator.device, memory_format=torch.channels_last)
        if accelerator.distributed_type == DistributedType.MULTI_GPU:
            generator = torch.nn.SyncBatchNorm.convert_sync_batchnorm(generator)
        self.generator = generator
        self.ema = ExponentialMovingAverage(
            generator, config.ema_decay if config.use_ema else 0.0, config.ema_warmup
        )
        if discriminator.conditioning.method == "standardize":
            discriminator.conditioning.calibrate(self._real_features(backbone))
        if config.gradient_checkpointing:
            generator.enable_gradient_checkpointing()
        if config.compile:
            for module in modules:
                # On a CPU the compiler fails in the backward pass of the generator's replicate padding.
                if module is not generator or accelerator.device.type != "cpu":
                    module.compile()
        more = {"betas": (config.adam_beta1, config.adam_beta2)}
        # One kernel for all tensors. It fails with a gradient scaler. A checkpoint keeps its own setting.
        more["fused"] = accelerator.device.type in ("cpu", "cuda") and accelerator.scaler is None
        optimizer_g = torch.optim.Adam(parameters_of(generator, projection), config.learning_rate_g, **more)
        optimizer_d = torch.optim.Adam(discriminator.parameters(), config.learning_rate_d, **more)
        generator, discriminator, optimizer_g, optimizer_d = accelerator.prepare(
            generator, discriminator, optimizer_g, optimizer_d
        )
        if projection is not None:
            projection = accelerator.prepare(projection)
        self.networks = Networks(
            generator, discriminator, backbone, optimizer_g, optimizer_d, patch_backbone, projection
        )
        accelerator.register_for_checkpointing(self.ema)
        self.step_function = TrainingStep(
            self.networks, config, accelerator, self.spec.num_classes, self.spec.ignore_index, self.clock
        )

    @torch.no_grad()
    def _real_features(self, backbone: PretrainedBackbone) -> list[Tensor]:
        """Features of real photos, the same ones in every process."""
        examples = self.data_loader.examples(_CALIBRATION_PHOTOS)
        photos = network_inputs(collate(examples), self.accelerator.device)["real_images"]
        return backbone(photos)

    def run(self) -> Path:
        """Train to the end, a signal or the time limit; save the averaged generator and return its folder.

        Raises:
            NonFiniteLossError: a loss or gradient is not finite; the message names the step, the term and the
                last good checkpoint.
            ValueError: the checkpoint does not fit the settings.
        """
        config, accelerator = self.config, self.accelerator
        self._begin()
        with StopRequest(accelerator, config.max_train_minutes) as stop, self._progress_bar() as progress:
            stopping = False
            while self.step < config.max_train_steps and not stopping:
                logs = self._update()
                progress.update()
                self._report(logs, progress)
                stopping = stop.wanted()
                last = stopping or self.step == config.max_train_steps
                if last or self.step % config.checkpointing_steps == 0:
                    self._save_checkpoint(stop.elapsed)
                if self.step % config.validation_steps == 0 and not last:
                    self.validate()
        self.seconds += stop.elapsed
        if stopping:
            accelerator.print(f"Stopped at step {self.step}; --resume_from_checkpoint latest continues.")
        path = self.save_pipeline()
        accelerator.end_training()
        return path

    def _save_checkpoint(self, elapsed: float) -> None:
        config = self.config
        state = {"feed": self.data_loader.state(), "seconds": self.seconds + elapsed}
        save_checkpoint(self.accelerator, self.output_dir, self.step, config.checkpoints_total_limit, state)

    def _progress_bar(self) -> tqdm:
        return tqdm(
            total=self.config.max_train_steps,
            initial=self.step,
            unit="step",
            disable=not self.accelerator.is_local_main_process,
        )

    def _begin(self) -> None:
        """Restore the position in the data, load the checkpoint, write the settings and open the logs."""
        config, accelerator = self.config, self.accelerator
        state = load_data_state(self.checkpoint, accelerator.process_index) if self.checkpoint else None
        self.seconds = state["seconds"] if state else 0.0
        # This precedes loading the checkpoint: a new iterator draws from the global random generator.
        micro_step = self.step * config.gradient_accumulation_steps
        if sentence := self.data_loader.start(micro_step, state["feed"] if state else None, self.checkpoint):
            accelerator.print(sentence)
        if self.checkpoint is not None:
            self._load(self.checkpoint)
            accelerator.print(f"Resuming from {self.checkpoint}.")
        elif config.resume_from_checkpoint:
            accelerator.print(f"No checkpoint in {self.output_dir} yet: starting from step 0.")
        if accelerator.is_main_process:
            self.output_dir.mkdir(parents=True, exist_ok=True)
            config.save(self.output_dir / "config.json")
            self.log.rewind(self.step)
            for sentence in self.data_loader.map_warnings():
                print(sentence)
        accelerator.init_trackers("dpsims", _scalars(config), {"wandb": {"dir": str(self.output_dir)}})
        height, width = config.size
        accelerator.print(
            f"{self.data_loader.num_pairs or 'streamed'} pairs of {self.spec.num_classes} classes at "
            f"{width}x{height}; {accelerator.num_processes} process(es) on {accelerator.device}; generator "
            f"{_millions(self.generator)}, discriminator {_millions(self.networks.discriminator)}."
        )
        if sentence := batch_sentence(config, accelerator.num_processes):
            accelerator.print(sentence)
        if (backbone := self.networks.backbone) is not None:
            accelerator.print(f"Backbone {backbone.name}: weights from {backbone.source}.")
        if (own := self.networks.patch_backbone) is not None:
            accelerator.print(f"Contrastive loss: features of {own.name}, weights from {own.source}.")
        elif self.choice:
            accelerator.print(self.choice)
        self.networks.generator.train()
        self.networks.discriminator.train()
        self.clock.reset()

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
        self.accelerator.step = 0  # counts micro-batches; a checkpoint follows a complete update

    def _update(self) -> dict[str, Tensor]:
        """One update of both networks and of the average; returns the logs of its last micro-batch."""
        self._set_learning_rates()
        logs: dict[str, Tensor] = {}
        for micro in range(self.config.gradient_accumulation_steps):
            with self.clock("data"):
                batch = self.data_loader.next()
            logs = self._one_step(batch, self.step * self.config.gradient_accumulation_steps + micro)
        self.step += 1
        with self.clock("ema"):
            self.ema.update(self.generator)
        return logs

    def _set_learning_rates(self) -> None:
        """Set both rates as a function of the step alone: a resumed run needs no scheduler state."""
        config, nets = self.config, self.networks
        left = config.max_train_steps - self.step
        factor = min(1.0, left / config.lr_decay_steps) if config.lr_decay_steps else 1.0
        rates = ((nets.optimizer_g, config.learning_rate_g), (nets.optimizer_d, config.learning_rate_d))
        for optimizer, rate in rates:
            for group in optimizer.param_groups:
                group["lr"] = rate * factor

    def _one_step(self, batch: dict[str, Tensor], micro_step: int) -> dict[str, Tensor]:
        batch = network_inputs(batch, self.accelerator.device)
        # Equal in all processes, and a function of the step: a resumed run has nothing to restore.
        draws = torch.Generator().manual_seed(self.config.seed * 1_000_003 + micro_step)
        try:
            return self.step_function(batch, draws)
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
        values["data_wait_share"] = self.clock.shares().get("data", 0.0)
        self.clock.reset()
        values["learning_rate_g"] = self.networks.optimizer_g.param_groups[0]["lr"]
        values["learning_rate_d"] = self.networks.optimizer_d.param_groups[0]["lr"]
        values["ema_horizon"] = self.ema.horizon
        values["memory_gib"] = peak_memory(self.accelerator.device) / 2**30
        values |= {"bad_samples": len(self.data_loader.bad), "maps_left_out": self.data_loader.left_out}
        self.accelerator.log(values, step=self.step)
        shown = {"g": f"{values['loss_g_adversarial']:.2f}", "fake": f"{values['accuracy_fake']:.2f}"}
        if rate:
            shown["img/s"] = f"{values['images_per_second']:.1f}"
        progress.set_postfix(shown)
        if self.accelerator.is_main_process:
            self.log.write(self.step, values)

    def averaged_model(self) -> AbstractContextManager[DPSIMSGenerator]:
        """The averaged generator with new batch-norm statistics, computed from training maps."""
        device = self.accelerator.device
        inputs = (send_to_device(batch, device) for batch in self.data_loader.refresh_inputs())
        return self.ema.refreshed(inputs, self.accelerator.autocast())

    def validate(self) -> None:
        """Write the validation sheet of the current average."""
        if self.accelerator.is_main_process:
            with self.averaged_model() as model:
                self._write_sheet(model)

    def _write_sheet(self, model: DPSIMSGenerator) -> None:
        sheet = validation_sheet(model, self.previews, self.spec)
        save_picture(sheet, self.output_dir / "sheets" / f"step-{self.step:06d}.png")
        log_picture(self.accelerator, sheet, self.step)

    def save_pipeline(self) -> Path:
        """Save the averaged generator and the discriminator in Hub layout; returns the pipeline's folder."""
        if self.accelerator.is_main_process:
            facts = {
                "steps": self.step,
                "seconds": round(self.seconds),
                "processes": self.accelerator.num_processes,
                "torch": torch.__version__,
                "ema_horizon": round(self.ema.horizon, 1),
            }
            with self.averaged_model() as model:
                self._write_sheet(model)
                discriminator = self.accelerator.unwrap_model(self.networks.discriminator)
                save_run(self.output_dir, model, discriminator, self.spec, facts)
        self.accelerator.wait_for_everyone()
        return self.output_dir / PIPELINE_FOLDER


def _scalars(config: TrainConfig) -> dict[str, int | float | str | bool]:
    return {k: v for k, v in vars(config).items() if isinstance(v, int | float | str | bool)}


def _millions(module: torch.nn.Module) -> str:
    return f"{count_parameters(module) / 1e6:.2f} M parameters"
