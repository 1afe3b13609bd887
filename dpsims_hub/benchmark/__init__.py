"""Speed and memory of generators and of training."""
