"""Ensembles of small networks, trained exactly and recorded. It knows the problem, never a prediction.

Where things are, from below:

* arithmetic and place: `arithmetic`, `runtime`, `packs` (members over threads), `members` (who may learn side by side)
* one network: `architectures`, `activations`, `losses`, `data`, `products`, `network` (the core's gradients by
  hand), `autograd` (all others'), `table_features`, `readout`, `freeze`
* learning: `schedule`, `optim`, `learner` (a pack and its steps), `train` (the loop), `snapshots` (weights themselves)
* what is seen: `records`, `probes` (which there are, what they cost), `probing` (when), `probe_*` (their numbers),
  `usage`
* what is kept: `locks`, `archive`, `checkpoint`, `store`
* many runs: `cells`, `quantities`, `flat`, `setting_builder`, `spec` (TOML), `bisect`, `shards`, `cost`, `journal`,
  `pool`, `cluster`, `sweep_folder`, `sweep` (the drive)
"""
