"""Processes: the group that shares a command's work, child processes, the set-up of a CPU."""
