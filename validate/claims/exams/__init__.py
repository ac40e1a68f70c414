"""Examinations: how each claim is measured on trained networks. One file a stage; `CLAIMS` lists them all."""

from __future__ import annotations

from twopeaks.validate.claims.claim import Claim
from twopeaks.validate.claims.exams import features, flatness, interaction, lazy, optimisation, transition, variants
from twopeaks.validate.claims.exams.problems import pick

__all__ = ["CLAIMS", "pick"]

#: Every claim, in the order of the stages of training.
CLAIMS: tuple[Claim, ...] = (
    *lazy.CLAIMS,
    *features.CLAIMS,
    *flatness.CLAIMS,
    *interaction.CLAIMS,
    *transition.CLAIMS,
    *optimisation.CLAIMS,
    *variants.CLAIMS,
)
