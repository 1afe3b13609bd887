"""`dpsims benchmark`: speed of photos, and speed of a training."""

import argparse

KINDS = {
    "inference": "time of a photo, photos per second, memory, of all variants side by side",
    "training": "photos per second of a training, and where the time goes; several side by side",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `dpsims benchmark`."""
    kinds = "\n".join(f"{name}: {summary}" for name, summary in KINDS.items())
    parser.add_argument("kind", choices=list(KINDS), metavar="KIND", help=kinds)
    parser.add_argument(
        "options", nargs=argparse.REMAINDER, metavar="...", help="see dpsims benchmark KIND --help"
    )


def run(arguments: argparse.Namespace) -> int:
    """Runs one kind of benchmark."""
    if arguments.kind == "inference":
        from dpsims_hub.commands.benchmark_inference import run_inference

        return run_inference(arguments.options)
    from dpsims_hub.commands.benchmark_training import run_training

    return run_training(arguments.options)
