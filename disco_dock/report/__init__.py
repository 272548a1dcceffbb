"""One page on a docked complex that opens offline, and scripts for molecule viewers, from a run's output folder."""
