"""Figures of the catalogue that repeat the paper's experiments."""
