"""What a run is about, in one line for people."""

from __future__ import annotations

from twopeaks.theory.setting import Setting

__all__ = ["title"]


def title(setting: Setting) -> str:
    """What a run is about, in a line."""
    task, of_all = setting.task, setting.task.table_of()
    rows = "pairs" if of_all.operands == 2 else "rows"
    labels = f"{task.labels} labels" + (f" but for {task.noise:.3g} of them" if task.noise else "")
    return f"{task.name}: {task.samples} of {of_all.rows.size} {rows}, {labels}, K={setting.network.width}"
