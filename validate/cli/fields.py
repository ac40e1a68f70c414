"""Options of commands, generated from the fields of a setting and a plan, and handed over as one request.

A command is a function of one request, a dataclass. Each field of the dataclass is an option or an argument, declared
as typer reads it. A field that is annotated with `FieldOptions` stands for many options: one for each field of a
setting or a plan, with its name in sweeps, and with the description and the default that the model has.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic_core import PydanticUndefined

from twopeaks.sim.storage.probe_catalogue import PROBES
from twopeaks.sim.sweep.cells import Cell
from twopeaks.sim.sweep.flat import PLAN, PLANNED, SETTING, default, field_of
from twopeaks.sim.sweep.setting_builder import Builder
from twopeaks.theory.errors import InputError
from twopeaks.theory.groups import from_csv

__all__ = ["GROUP_TABLE", "FieldOptions", "Values", "checked", "option_name", "with_options"]

#: Values of fields by their flat names: those that were given, and no others.
Values = dict[str, Any]

#: A CSV file: on a command line and in sweeps it stands for the fields ``group`` and ``table``.
GROUP_TABLE = "group_table"

_PANELS = {"task": "Task", "network": "Network", "optimizer": "Optimizer", "setting": "Optimizer", "plan": "Plan"}

#: Defaults that depend on other fields, in words.
_DEPENDING = {
    "samples": "half of all",
    "width": "11 M, at least 256",
    "momentum": "0, or 0.95 with muon",
    "lr_v": "--lr",
    "decay_steps": "10000, or --steps with cosine",
    "patience": "never",
}

#: Fields of several numbers: what stands for the value in helps, what it must be, an example.
_TUPLES = {
    "parity": ("N,S", "two integers N,S", "20,3"),
    "ns_coefficients": ("A,B,C", "three numbers A,B,C", "3.4445,-4.775,2.0315"),
}


@dataclass(frozen=True)
class FieldOptions:
    """The options of some fields of a setting and a plan.

    Attributes:
        names: flat names of the fields.
        defaults: what the command takes where an option is left out, if it is not what the model takes.
    """

    names: tuple[str, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def parameters(self) -> list[inspect.Parameter]:
        """A parameter of a command for each option; its value is None where the option was left out."""
        return [_parameter(name, self.defaults) for name in self.names]

    def values(self, given: Mapping[str, Any]) -> Values:
        """Values of the fields that were given, and the command's own defaults.

        Raises:
            InputError: if a value of several numbers cannot be read.
        """
        read = {name: _read(name, given[name]) for name in self.names if given[name] is not None}
        return {**self.defaults, **read}


def option_name(name: str) -> str:
    """The option of a field: its flat name with hyphens."""
    return "--" + name.replace("_", "-")


def with_options(function: Callable[[Any], int | None]) -> Callable[..., int | None]:
    """A function of one request (a dataclass) as typer takes it: a function with a parameter for each option."""
    request = next(hint for name, hint in typing.get_type_hints(function).items() if name != "return")
    hints = typing.get_type_hints(request, include_extras=True)
    generated = {name: options for name, hint in hints.items() if (options := _field_options(hint)) is not None}

    def command(**given: Any) -> int | None:
        values = {name: options.values(given) for name, options in generated.items()}
        return function(request(**values, **{name: given[name] for name in hints if name not in generated}))

    parameters: list[inspect.Parameter] = []
    for declared in dataclasses.fields(request):
        options = generated.get(declared.name)
        parameters += [_own_parameter(declared, hints)] if options is None else options.parameters()
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _field_options(hint: Any) -> FieldOptions | None:
    return next((extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, FieldOptions)), None)


def _own_parameter(declared: dataclasses.Field[Any], hints: Mapping[str, Any]) -> inspect.Parameter:
    """The parameter of an option that a request declares itself."""
    required = declared.default is dataclasses.MISSING
    value = inspect.Parameter.empty if required else declared.default
    return inspect.Parameter(
        declared.name, inspect.Parameter.KEYWORD_ONLY, default=value, annotation=hints[declared.name]
    )


def checked(values: Mapping[str, Any], seeds: Sequence[int] = ()) -> Cell:
    """The setting and plan of values that were given, with defaults for all others, as sweeps have them.

    Raises:
        InputError: if the values name no task, two of them, or one that cannot be.
        ValidationError: if a value is out of range; `twopeaks.theory.setting.explain` makes it one line.
    """
    first, *others = [name for name in ("group", GROUP_TABLE, "expression", "parity") if name in values] or ["group"]
    if others:
        expectation = f"left out where {option_name(others[0])} is given"
        raise InputError(option_name(first), expectation, str(values[first]), "give one of the two")
    if GROUP_TABLE in values:
        group = from_csv(values[GROUP_TABLE])
        values = {**values, GROUP_TABLE: {"name": group.name, "rows": group.table.tolist()}}
    return Builder(seeds, ()).checked(values)


# --- one field -----------------------------------------------------------------------------------------


def _parameter(name: str, defaults: Mapping[str, Any]) -> inspect.Parameter:
    if name == GROUP_TABLE:
        kind: Any = Path
        option = typer.Option(
            option_name(name),
            help="CSV file with the Cayley table of any group, instead of --group",
            rich_help_panel="Task",
        )
    else:
        kind, metavar, choices = _kind(name)
        option = typer.Option(
            f"{option_name(name)}/{_negated(name)}" if kind is bool else option_name(name),
            help=f"{field_of(name).description}{choices}",
            metavar=metavar,
            show_default=_default_in_words(name, defaults),
            rich_help_panel=_PANELS[(SETTING | PLAN)[name][0]],
        )
    annotation = Annotated[kind | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _kind(name: str) -> tuple[Any, str | None, str]:
    """The type that a command line reads for a field, what stands for its value in helps, and all choices in words."""
    annotation: Any = field_of(name).annotation
    if isinstance(annotation, types.UnionType):
        annotation = next(kind for kind in typing.get_args(annotation) if kind is not types.NoneType)
    if typing.get_origin(annotation) is Literal:
        return str, "NAME", f" ({', '.join(typing.get_args(annotation))})"  # the model refuses all others
    if name == "probes":
        return str, "all|NAME,…", f" ({', '.join(PROBES)})"
    return (str, _TUPLES[name][0], "") if name in _TUPLES else (annotation, None, "")


def _default_in_words(name: str, defaults: Mapping[str, Any]) -> str | bool:
    """What a help says of the default; False where there is nothing to say."""
    value = defaults.get(name, PLANNED.get(name, default(name)))
    if name in _DEPENDING:
        return _DEPENDING[name]
    if value is PydanticUndefined or value is None or value == ():
        return False
    if isinstance(value, bool):
        return (option_name(name) if value else _negated(name)).removeprefix("--")
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _negated(name: str) -> str:
    return option_name(f"no_{name}")


def _read(name: str, value: Any) -> Any:
    """The value of a field from what a command line gives."""
    if name not in _TUPLES:
        return value
    _, expectation, example = _TUPLES[name]
    annotation = field_of(name).annotation
    (kinds,) = (typing.get_args(kind) for kind in (annotation, *typing.get_args(annotation)) if _is_tuple(kind))
    try:
        return tuple(kind(part) for kind, part in zip(kinds, value.split(","), strict=True))
    except ValueError as error:
        option = option_name(name)
        raise InputError(option, expectation, value, f"use e.g. {option} {example}") from error


def _is_tuple(kind: Any) -> bool:
    return typing.get_origin(kind) is tuple
