"""What is kept: records, checkpoints, stores, and the list of probes whose columns they have."""
