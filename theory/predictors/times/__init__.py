"""When networks memorise and when they generalise, said without training them; each module says what it neglects."""

from twopeaks.theory.predictors.times.adam import adam_course, adamw_course, memory_clock, memory_steps, sign_memorising
from twopeaks.theory.predictors.times.descent import descent, lazy_memorising
from twopeaks.theory.predictors.times.members import Course, first_weights
from twopeaks.theory.predictors.times.predictors import SEEDS, TIMES, clock, flow, flow_memorising, lazy, time_interval
from twopeaks.theory.predictors.times.selection import selection, steps_to_grok

__all__ = [
    "SEEDS",
    "TIMES",
    "Course",
    "adam_course",
    "adamw_course",
    "clock",
    "descent",
    "first_weights",
    "flow",
    "flow_memorising",
    "lazy",
    "lazy_memorising",
    "memory_clock",
    "memory_steps",
    "selection",
    "sign_memorising",
    "steps_to_grok",
    "time_interval",
]
