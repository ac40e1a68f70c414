"""Every predictor, in lists that all commands and scoreboards ask."""

from twopeaks.theory.predictors.registry.lists import ACCURACY, NO_RUN, PREDICTORS, TIMES, named, of_quantity, predict

__all__ = ["ACCURACY", "NO_RUN", "PREDICTORS", "TIMES", "named", "of_quantity", "predict"]
