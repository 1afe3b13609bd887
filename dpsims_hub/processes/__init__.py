"""Processes: process groups, child processes, the set-up of a CPU."""
