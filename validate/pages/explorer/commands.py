"""Command lines that reproduce a number: what to type to train, predict or score it again."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from typing import Any

from twopeaks.sim.storage.records import Plan
from twopeaks.sim.sweep.flat import PLAN, default, flat
from twopeaks.theory.setting import Setting, default_width

__all__ = ["claim_line", "predict_line", "scored_line", "train_line"]

#: Options of ``twopeaks predict`` that are fields of a setting.
_OF_PREDICT = frozenset({"group", "width", "activation", "loss", "optimizer", "lr", "weight_decay"})


def train_line(setting: Setting, plan: Plan, seeds: Sequence[int]) -> str:
    """What trains these networks again; empty if ``twopeaks train`` has no option for a field, or seeds have gaps."""
    first, count = min(seeds), len(seeds)
    differing = _differing(setting, plan)
    without_option = "table" in differing or ("probe_share" in differing and not plan.probes)
    if without_option or sorted(seeds) != list(range(first, first + count)):
        return ""
    return _line(
        "train", [*_options(differing), "--seeds", str(count), *(["--first-seed", str(first)] if first else [])]
    )


def predict_line(setting: Setting, *, calibrate: bool = False, rivals: bool = False) -> str:
    """What predicts n_c of a setting again; empty if ``twopeaks predict`` has no option for a field."""
    differing = _differing(setting, Plan(steps=3000, every=50))
    fields = {name: value for name, value in differing.items() if name not in PLAN and name != "samples"}
    if not set(fields) <= _OF_PREDICT or not setting.task.has_group:
        return ""
    return _line("predict", [*_options(fields), *["--calibrate"] * calibrate, *["--rivals"] * rivals])


def scored_line(sources: Collection[str], quantity: str, predictions: str = "") -> str:
    """What measures and scores a quantity again from its sources."""
    more = ["--predictions", predictions] if predictions else []
    return _line("validate", [*sources, "--quantity", quantity, *more])


def claim_line(claim: str, whole: str, seeds: Sequence[int]) -> str:
    """What examines one claim again.

    Args:
        claim: its id.
        whole: the command that examined all.
        seeds: of its networks.
    """
    quick = ["--quick"] * ("--quick" in shlex.split(whole))
    return _line("validate", ["--claims", claim, *quick, "--seeds", str(len(seeds)), "--first-seed", str(seeds[0])])


def _line(command: str, words: Sequence[str]) -> str:
    return shlex.join(["twopeaks", command, *words])


def _options(values: dict[str, Any]) -> list[str]:
    words: list[str] = []
    for name, value in values.items():
        option = name.replace("_", "-")
        is_flag = isinstance(value, bool)
        words += [f"--{option}" if value else f"--no-{option}"] if is_flag else [f"--{option}", _text(value)]
    return words


def _differing(setting: Setting, plan: Plan) -> dict[str, Any]:
    """Fields whose value an option has to give: those that are not what the command has by default."""
    values = flat(setting, plan)
    classes = setting.task.table_of().classes
    same = {"width": default_width(classes), "momentum": 0.95 if setting.optimizer.name == "muon" else 0.0}
    if not setting.task.has_group:
        del values["group"]
    always = {"group", "samples", "steps", "every"}
    return {name: x for name, x in values.items() if name in always or x != same.get(name, default(name))}


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
