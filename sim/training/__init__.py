"""Learning: optimizers, schedules, packs of members, the loop."""
