"""What rivals' laws of time read off recorded runs. No torch here."""

from __future__ import annotations

from twopeaks.sim.storage.records import Records
from twopeaks.theory.predictors.run_norms import NormCurve, RunNorms, run_norms
from twopeaks.theory.setting import Setting
from twopeaks.validate.measured.detect import transition_steps

__all__ = ["norms_of"]


def norms_of(setting: Setting, records: Records, *, peak: bool = False) -> list[RunNorms | None]:
    """V = |W|^2 + |V|^2 of every member at its transitions; None for one that did not memorise, or generalised first.

    Args:
        setting: of the members; its rate and decay count.
        records: their curves.
        peak: start at the largest V after memorisation, see `twopeaks.theory.predictors.run_norms`.

    Raises:
        InputError: if rate or decay is 0, which these laws divide by.
    """
    steps = transition_steps(records)
    of_members: list[RunNorms | None] = []
    for e, (t_mem, t_grok) in enumerate(zip(steps["t_mem"], steps["t_grok"], strict=True)):
        member = records.member(e)
        if t_mem is None or (t_grok is not None and t_grok < t_mem):
            of_members.append(None)
            continue
        curve = NormCurve(member["steps"], member["norm_w2"] + member["norm_v2"])
        optimizer = setting.optimizer
        lr, eta = optimizer.lr, optimizer.weight_decay
        of_members.append(run_norms(curve, t_mem, t_grok, lr, eta, peak=peak))
    return of_members
