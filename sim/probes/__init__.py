"""Probes: measurements inside networks during training."""
