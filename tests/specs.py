"""Descriptions of small sweeps that several files of tests train."""

from __future__ import annotations

#: Two cells that are trained at once, and do not learn.
TINY = """
name = "tiny"
seeds = 2
[base]
group = "Z5"
width = 8
[plan]
steps = 20
every = 10
[grid]
samples = [10, 20]
"""

#: Three sizes around a transition, with a probe, for pages that show what networks did.
CROSSED = """
name = "tiny"
seeds = 3
[base]
group = "Z11"
width = 64
lr = 0.02
weight_decay = 2e-3
[plan]
steps = 300
every = 10
probes = ["gradient"]
[grid]
samples = [40, 70, 100]
"""
