"""Named grids of training runs: equal steps, equal seeds, one evaluation, one table."""
