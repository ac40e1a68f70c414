"""Storage: records, checkpoints, folders of runs, and the list of probes whose columns they have."""
