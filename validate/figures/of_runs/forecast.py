"""One run's curve until it was observed, and what was forecast for the rest."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twopeaks.validate.figures.drawing.panels import axes, figure_of, finish
from twopeaks.validate.figures.drawing.style import COLOURS, FADED, INK
from twopeaks.validate.forecast.forecast import Forecast
from twopeaks.validate.measured.curves import Curve

__all__ = ["fig_forecast"]

#: Curve that is drawn, the first that there is: its label, and whether it is a share.
_DRAWN = {"test_accuracy": ("test accuracy", True), "test_loss": ("test loss", False)}


def fig_forecast(curve: Curve, found: Forecast, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """What was seen as a line, what came later (if it is known) faintly, and the band of the forecast."""
    if ax is None:
        ax = axes(size=(7.0, 4.0))[0]
    name = next(name for name in _DRAWN if name in curve.values)
    label, is_share = _DRAWN[name]
    seen = curve.steps <= found.step
    ax.plot(curve.steps[~seen], curve.values[name][~seen], color=FADED, linewidth=1, label="not seen by the forecast")
    ax.plot(curve.steps[seen], curve.values[name][seen], color=INK, linewidth=2, label="seen")
    if found.state == "forecast" and found.t_grok is not None and found.t_low is not None and found.t_high is not None:
        text = f"t_grok {found.t_grok:,.0f} [{found.t_low:,.0f}, {found.t_high:,.0f}], if it groks"
        ax.axvspan(found.t_low, found.t_high, color=COLOURS["generalising"], alpha=0.2, linewidth=0)
        ax.axvline(found.t_grok, color=COLOURS["generalising"], linewidth=2, label=text)
    ax.axvline(found.budget, color=COLOURS["memorising"], linestyle="--", linewidth=1.5, label="budget")
    ax.set_xscale("log")
    if is_share:
        ax.set_ylim(-0.03, 1.05)
    finish(ax, "step", label)
    chance = f"P(grok by {found.budget:,.0f}) = {found.probability:.2f} [{found.low:.2f}, {found.high:.2f}]"
    ax.set_title(f"{found.name}\n{chance}", loc="left", fontsize=9)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=8, frameon=False)
    return figure_of([ax]), ax
