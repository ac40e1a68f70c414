"""Figures of the catalogue about the results of this project."""
