"""ODE models of the stages of training over scipy's solve_ivp; each module states what it neglects, and its clock."""

from twopeaks.theory.flows.emergence import EmergenceLaw, ModeLaw
from twopeaks.theory.flows.interaction import slaved_flow, slaved_height
from twopeaks.theory.flows.lazy import Lazy, early_gradient, limit_gradient, ridge
from twopeaks.theory.flows.network import adam_start, network_flow
from twopeaks.theory.flows.nodes import (
    blow_up_times,
    emerge,
    evolved,
    evolved_energies,
    mode_energies,
    on_sphere,
    population_gradient,
    settle,
    winners,
)
from twopeaks.theory.flows.problem import Problem
from twopeaks.theory.flows.slow import norm_descent
from twopeaks.theory.flows.solution import Event, Flow, Solution, Solver, integrate

__all__ = [
    "EmergenceLaw",
    "Event",
    "Flow",
    "Lazy",
    "ModeLaw",
    "Problem",
    "Solution",
    "Solver",
    "adam_start",
    "blow_up_times",
    "early_gradient",
    "emerge",
    "evolved",
    "evolved_energies",
    "integrate",
    "limit_gradient",
    "mode_energies",
    "network_flow",
    "norm_descent",
    "on_sphere",
    "population_gradient",
    "ridge",
    "settle",
    "slaved_flow",
    "slaved_height",
    "winners",
]
