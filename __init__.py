"""Predicts when a network stops memorising and starts to understand, and checks it on trained networks.

``import twopeaks as tp`` gives the names below; each is imported when it is first used. All others live in their rooms:
`twopeaks.theory` (mathematics), `twopeaks.sim` (training), `twopeaks.validate` (where both meet).
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.2.0"

#: Public name -> the module that defines it.
_HOMES = {
    **dict.fromkeys(("compare", "derive", "forecast", "load", "predict", "sweep", "train"), "twopeaks.api"),
    **dict.fromkeys(("Network", "Optimizer", "Setting", "Task", "standard"), "twopeaks.theory.setting"),
    "Group": "twopeaks.theory.groups",
    "InputError": "twopeaks.theory.errors",
    "Prediction": "twopeaks.theory.predictors.answer",
    "named": "twopeaks.theory.groups",
}

__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> object:
    """Import a public name on its first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'twopeaks' has no attribute {name!r}; it has {', '.join(sorted(_HOMES))}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
