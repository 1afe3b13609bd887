"""Training: settings, data order, the two updates, the loop, averages, checkpoints, sheets."""
