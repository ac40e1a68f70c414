"""Predictors: from a setting to numbers that nobody has measured yet."""
