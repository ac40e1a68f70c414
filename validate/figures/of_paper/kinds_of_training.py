"""Four figures that set kinds of training side by side: depth, complex weights, a solved or a zero last layer."""

from __future__ import annotations

from twopeaks.theory.setting import Setting
from twopeaks.validate.figures.drawing.entry import Entry
from twopeaks.validate.figures.of_paper.contrasts import READING, Contrast, Look

__all__ = ["COMPLEX_WEIGHTS", "DEPTH", "RIDGE", "ZERO_INIT"]


def _group_and_size(setting: Setting) -> str:
    return f"{setting.task.name}, n = {setting.task.samples:,}"


def _group_and_network(setting: Setting) -> str:
    network = setting.network
    sigma = "x²" if network.activation == "x^2" else "ReLU"
    return f"{setting.task.name}, {sigma}{', residual layer' if network.residual else ''}"


def _entry(name: str, title: str, paper: str, caption: str, contrast: Contrast) -> Entry:
    return Entry(name, title, caption, contrast.draw, paper=paper, reduce=contrast.reduce)


#: Its entry in the catalogue.
DEPTH = _entry(
    "depth",
    "Two, three and four layers",
    "Fig. 9",
    f"""
Networks of ReLUs on Z23: 2, 3 or 4 matrices from inputs to outputs, 128 nodes a layer, with or without residual
connections past the hidden matrices; 423 of the 529 examples (80%), Adam at rate 0.002, coupled weight decay as the
panels say, MSE, at most 2,500 steps, 6 seeds each. {READING} All memorise within 110 steps, so what depth delays is
grokking: 3 and 4 layers take 4.7 and 5.5 times the steps of 2 at decay 0.001, 1.6 and 2.3 times at 0.002; residual
connections change little at 3 layers and delay it further at 4. The sizes behind the figure of the paper are not
known to us.
""",
    Contrast(
        panel=lambda setting: f"decay {setting.optimizer.weight_decay:g}",
        series=lambda setting: f"{setting.network.layers}{' residual' if setting.network.residual else ''}",
        looks={
            "2": Look("2 layers", "#222222"),
            "3": Look("3", "#0072B2"),
            "3 residual": Look("3 residual", "#56B4E9"),
            "4": Look("4", "#D55E00"),
            "4 residual": Look("4 residual", "#E69F00"),
        },
        panels=2,
    ),
)

#: Its entry in the catalogue.
COMPLEX_WEIGHTS = _entry(
    "complex-weights",
    "Real and complex weights",
    "Figs. 10-11",
    f"""
Networks with 256 nodes (x², MSE, Adam at rate 0.005, coupled decay 0.00005, 80% of all examples) of real weights, or
of complex ones in both layers with the real part as output (twice as many numbers); at most 1,500 steps, 6 seeds
each. {READING} That complex weights are faster, as the paper reports for M from 23 to 127, is seen for Z41, which
needs two thirds of the steps. For Z23 the interval of the ratio holds 1: complex networks learn a part earlier and
the rest no sooner. The paper has 5 seeds and M = 89 and 127 beside these groups, which are left out here for their
cost.
""",
    Contrast(
        panel=_group_and_size,
        series=lambda setting: str(setting.network.weights),
        looks={"real": Look("real", "#222222"), "complex": Look("complex", "#0072B2")},
        panels=2,
    ),
)

#: Its entry in the catalogue.
RIDGE = _entry(
    "ridge",
    "The last layer trained, or solved by ridge regression",
    "Figs. 12-13",
    f"""
Networks with 256 nodes (x², MSE, Adam at rate 0.005, coupled decay 0.00005, 80% of all examples) whose last layer V is
trained like the first, or solved at each step by ridge regression for the present features; at most 1,500 steps, 6
seeds each. {READING} What the paper reports is seen here as well: solving V is slower for Z23 (1.4 times the steps)
and faster for Z41 (half of them). At each of these steps it costs a Cholesky factorisation, so fewer steps are not
less time. The paper has 5 seeds and M = 89 and 127 beside these groups, which are left out here for their cost.
""",
    Contrast(
        panel=_group_and_size,
        series=lambda setting: str(setting.network.readout),
        looks={"trained": Look("V trained", "#222222"), "ridge": Look("V solved", "#D55E00")},
        panels=2,
    ),
)

#: Its entry in the catalogue.
ZERO_INIT = _entry(
    "zero-init",
    "The last layer from random weights, or from zero",
    "Figs. 14-17",
    f"""
Networks whose last layer V starts at zero or, as usual, at uniform random weights: 256 ReLUs on Z23 at decay
0.0001, the same with a hidden layer more that adds its output to what it reads, and 512 nodes of x² on Z41 at decay
0.00005; MSE, Adam at rate 0.005, coupled decay, 80% of all examples, at most 4,000 steps, 6 seeds each. {READING} Zero
V is faster everywhere: half of the steps with ReLUs, with or without the residual layer, and three quarters with
x². The paper has M = 41, 89 and 127 at 1,024 nodes (ReLUs: 2,048), which are reduced here for their cost, and finds
networks with the residual layer up to 10 times faster from zero; here it is 2 times, and the layer itself makes
grokking slower.
""",
    Contrast(
        panel=_group_and_network,
        series=lambda setting: "random" if setting.network.init_scale_v else "zero",
        looks={"random": Look("random V", "#222222"), "zero": Look("zero V", "#009E73")},
        panels=3,
    ),
)
