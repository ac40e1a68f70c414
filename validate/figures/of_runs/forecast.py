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


def fig_forecast(curve: Curve, forecast: Forecast, ax: Axes | None = None) -> tuple[Figure, Axes]:
    """What was seen as a line, what came later (if it is known) faintly, and the band of the forecast."""
    if ax is None:
        ax = axes(size=(7.0, 4.0))[0]
    name = next(name for name in _DRAWN if name in curve.values)
    label, is_share = _DRAWN[name]
    seen = curve.steps <= forecast.step
    ax.plot(curve.steps[~seen], curve.values[name][~seen], color=FADED, linewidth=1, label="not seen by the forecast")
    ax.plot(curve.steps[seen], curve.values[name][seen], color=INK, linewidth=2, label="seen")
    if (
        forecast.state == "forecast"
        and forecast.t_grok is not None
        and forecast.t_low is not None
        and forecast.t_high is not None
    ):
        text = f"t_grok {forecast.t_grok:,.0f} [{forecast.t_low:,.0f}, {forecast.t_high:,.0f}], if it groks"
        ax.axvspan(forecast.t_low, forecast.t_high, color=COLOURS["generalising"], alpha=0.2, linewidth=0)
        ax.axvline(forecast.t_grok, color=COLOURS["generalising"], linewidth=2, label=text)
    ax.axvline(forecast.budget, color=COLOURS["memorising"], linestyle="--", linewidth=1.5, label="budget")
    ax.set_xscale("log")
    if is_share:
        ax.set_ylim(-0.03, 1.05)
    finish(ax, "step", label)
    chance = f"P(grok by {forecast.budget:,.0f}) = {forecast.probability:.2f} [{forecast.low:.2f}, {forecast.high:.2f}]"
    ax.set_title(f"{forecast.name}\n{chance}", loc="left", fontsize=9)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=8, frameon=False)
    return figure_of([ax]), ax
