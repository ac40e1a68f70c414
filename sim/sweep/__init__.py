"""Many runs: cells of a grid, shards of equal shape, pools and clusters, resumable folders."""
