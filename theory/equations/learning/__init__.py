"""Equations of learning, stage by stage: lazy learning, features, interaction, Muon, depth."""
