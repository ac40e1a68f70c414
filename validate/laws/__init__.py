"""How n_c grows with the order of the group."""
