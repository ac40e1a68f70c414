"""n_c where both peaks are equally high, with heights that need no run: in closed form, and with shared nodes."""

from __future__ import annotations

from twopeaks.theory.groups.constructions import NODES_PER_PAIR
from twopeaks.theory.heights.heights import generalising_cost, memorising_cost
from twopeaks.theory.heights.memorising import KAPPA, KAPPA_ERROR, LEAST_ORDER
from twopeaks.theory.heights.narrow import NU_ERROR
from twopeaks.theory.heights.sharing import SharedHeight, shared_height
from twopeaks.theory.predictors.answer import Answer
from twopeaks.theory.predictors.declaration import predictor
from twopeaks.theory.predictors.peaks import equal_objectives, memorised_pair
from twopeaks.theory.predictors.ranges import not_norm_descent, not_square_mse
from twopeaks.theory.setting import Setting

__all__ = ["closed_form", "shared_form"]

#: Nodes per pair of characters at which the lower end of the closed form's bracket is taken: trained networks, which
#: share nodes between frequencies, have been seen between four and six. It moves the bracket, never the value.
_FEWEST_NODES = 4


# --- closed form -----------------------------------------------------------------------------------------


def _not_abelian(setting: Setting) -> list[str]:
    group = setting.task.resolve()
    if group.is_abelian:
        return []
    cover = "heights-shared and heights-phases (from M = 11) and heights-calibrated cover it"
    return [f"{group.name} is not abelian; {cover}"]


def _few_characters(setting: Setting) -> list[str]:
    return ["below M = 5 too few characters are generic"] if setting.task.resolve().order < 5 else []


@predictor(
    name="heights-closed-form",
    quantity="n_c",
    constants=0,
    fitted_on="",
    assumptions=(
        "weight decay makes the solution of smaller |W|^2 + |V|^2 win",
        f"each pair of characters is built from its own {NODES_PER_PAIR} nodes",
        "each memorised pair takes one node of its own",
        "decay small enough that both solutions fit the data; budget long enough",
    ),
    refuses=(_not_abelian, _few_characters),
    outside=(not_square_mse, not_norm_descent),
)
def closed_form(setting: Setting) -> Answer:
    """n_c = C_gen / c_mem with both heights in closed form: no run and no constant. Eqs. heights.2-5."""
    group, memorising = setting.task.resolve(), memorising_cost()
    generalising = generalising_cost(group)
    value, low = generalising / memorising, generalising_cost(group, _FEWEST_NODES) / memorising
    note = f"bracket, not a confidence interval: {_FEWEST_NODES} nodes a pair, and the same factor upwards"
    return Answer(value, low, value**2 / low, note, details={"C_gen": generalising, "c_mem": memorising})


# --- with shared nodes -----------------------------------------------------------------------------------


@predictor(
    name="heights-shared",
    quantity="n_c",
    constants=1,
    fitted_on="norms of networks that memorise random labels; where the network is narrow, a second constant on more",
    assumptions=(
        "weight decay makes the solution of smaller loss + (eta/2) (|W|^2 + |V|^2) win",
        "every block is built as cheaply as is known, and a few blocks undo what the others leave over",
        "memorising costs 1.19 (1 - kappa/M) a pair, as for random labels, and more where width K < n/2",
        "budget long enough; width for the generalising solution",
    ),
    outside=(not_square_mse, not_norm_descent),
)
def shared_form(setting: Setting) -> Answer:
    """n_c where both objectives, loss + (eta/2) norm, are equal, for any group. Eqs. heights.7-9 and heights.11.

    Nothing is trained. The one constant is that of memorising (`theory.heights.memorising`), the same for every group.
    """
    group, eta, width = setting.task.resolve(), setting.optimizer.weight_decay, setting.network.width
    if group.order < LEAST_ORDER:
        return Answer(note=f"the law of memorising begins at M = {LEAST_ORDER}")
    height = shared_height(group)
    value, low, high = (_crossing(setting, height, sign) for sign in (0, 1, -1))
    if value is None:
        return Answer(note=f"decay {eta:g} leaves nothing of the rule")
    narrow = value > 2 * width
    notes = [f"C_gen = {height.cost:.1f}, interval that of the law of memorising alone", height.origin]
    if narrow:
        notes.append(f"(memorising {value:.0f} pairs with {width} nodes costs more than with half as many as pairs)")
    outside = f"the generalising solution takes {height.nodes} nodes, the network has {width}"
    return Answer(
        value,
        low,
        high,
        note=" ".join(filter(None, notes)),
        outside=(outside,) if width < height.nodes else (),
        details={"C_gen": height.cost, "c_mem": memorised_pair(group.order, width)(value), "nodes": height.nodes},
        constants_fitted=2 if narrow else 1,
    )


def _crossing(setting: Setting, height: SharedHeight, sign: int) -> float | None:
    """n_c with the constants of memorising moved by their error: the dear end of memorising is the low end of n_c."""
    order, width = setting.task.resolve().order, setting.network.width
    cost = memorised_pair(order, width, KAPPA - sign * KAPPA_ERROR, sign * NU_ERROR)
    return equal_objectives(height, order, setting.optimizer.weight_decay, cost)
