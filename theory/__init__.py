"""Mathematics of memorisation and generalisation: groups, settings, peak heights, predictions. No torch here."""

from theory.errors import InputError
from theory.groups import Group, from_csv, from_table, named
from theory.predict import Prediction, closed_form, control_calibrated, paper_law, predict
from theory.setting import Network, Optimizer, Setting, Task, standard

__all__ = [
    "Group",
    "InputError",
    "Network",
    "Optimizer",
    "Prediction",
    "Setting",
    "Task",
    "closed_form",
    "control_calibrated",
    "from_csv",
    "from_table",
    "named",
    "paper_law",
    "predict",
    "standard",
]
