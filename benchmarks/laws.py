"""How well the laws of theory hold, as numbers: representations, energies of peaks, Stage II, emergence times.

The tests ask whether each law holds; this prints by how much, and for which group it is worst. About a minute.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable

import numpy as np
from scipy.stats import kstest

from twopeaks.theory.flows.emergence import EmergenceLaw
from twopeaks.theory.flows.nodes import emerge, evolved, population_gradient, winners
from twopeaks.theory.groups import Group, cyclic, named
from twopeaks.theory.groups.fourier import fourier_transform, inverse_transform, power_spectrum
from twopeaks.theory.groups.irreps import irreps, real_blocks
from twopeaks.theory.groups.representations import Representation, representations
from twopeaks.theory.groups.small_groups import SHIPPED_ORDER, number_of_small_groups
from twopeaks.theory.landscape.ascent import ascend, random_nodes
from twopeaks.theory.landscape.features import classify, irrep_energy
from twopeaks.theory.landscape.landscape import Landscape, all_pairs

_LARGE = ("A5", "S5", "Z257", "D60")
#: Groups whose energies are written down in print or in the project's notes, beside all up to order 16.
_NAMED = ("Z23", "F21", "S4", "SL(2,3)", "Q8xZ3", "D4xZ3")
_ASCENTS = 150
_NODES = 10_000


def small_groups(most: int, least: int = 1) -> list[str]:
    """Every group of these orders, by its name."""
    return [f"SmallGroup({n},{i})" for n in range(least, most + 1) for i in range(1, number_of_small_groups(n) + 1)]


def _deviations(group: Group, rhos: tuple[Representation, ...]) -> dict[str, float]:
    """Largest deviation from each law."""
    M, rng = group.order, np.random.default_rng(0)
    entries = np.concatenate([(rho.dim**0.5 * rho.matrices).reshape(M, -1) for rho in rhos], axis=1)
    chi = np.array([rho.irrep.character for rho in rhos])
    f = rng.standard_normal(M) + 1j * rng.standard_normal(M)
    back = inverse_transform(fourier_transform(f, rhos), rhos)
    roots = int((group.table[np.arange(M), np.arange(M)] == group.identity).sum())
    squares = [np.trace(rho.matrices @ rho.matrices, axis1=1, axis2=2).mean() for rho in rhos]
    return {
        "sum d^2 = M": abs(sum(rho.dim**2 for rho in rhos) - M),
        "rho(g) rho(h) = rho(gh), all pairs": max(_products(group, rho) for rho in rhos),
        "rho unitary": max(
            np.abs(rho.matrices @ rho.matrices.conj().swapaxes(1, 2) - np.eye(rho.dim)).max() for rho in rhos
        ),
        "entries orthogonal (Schur)": np.abs(entries.T @ entries.conj() / M - np.eye(M)).max(),
        "characters orthonormal": np.abs(chi @ chi.conj().T / M - np.eye(len(chi))).max(),
        "Fourier round trip": np.abs(back - f).max(),
        "Plancherel, relative": abs(power_spectrum(f, rhos).sum() / (np.abs(f) ** 2).sum() - 1),
        "type = mean character of squares": max(abs(s - rho.irrep.schur) for s, rho in zip(squares, rhos, strict=True)),
        "sum type·d = number of g^2 = 1": abs(sum(rho.irrep.schur * rho.dim for rho in rhos) - roots),
    }


def _products(group: Group, rho: Representation) -> float:
    return max(float(np.abs(A @ rho.matrices - rho.matrices[row]).max()) for A, row in _rows(group, rho))


def _rows(group: Group, rho: Representation) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    return zip(rho.matrices, group.table, strict=True)


def laws() -> list[str]:
    """Worst deviation from each law over all groups, and how long the larger groups take."""
    worst: dict[str, tuple[float, str]] = {}
    names, seconds = [*small_groups(SHIPPED_ORDER), *_LARGE], {}
    for name in names:
        group = named(name)
        start = time.perf_counter()
        rhos = representations(group)
        seconds[name] = time.perf_counter() - start
        for law, value in _deviations(group, rhos).items():
            if law not in worst or value > worst[law][0]:
                worst[law] = (float(value), name)
    lines = [f"representations of {len(names)} groups: every group up to order {SHIPPED_ORDER}, {', '.join(_LARGE)}"]
    lines += [f"  {law:36s} worst {value:.1e}  ({name})" for law, (value, name) in worst.items()]
    return [*lines, "  seconds: " + ", ".join(f"{name} {seconds[name]:.2f}" for name in _LARGE)]


def energies() -> list[str]:
    """Where ascents from random starts end, against M/(2 m d) and against the printed M/(8 m d)."""
    names, count, converged = [*small_groups(16, 2), *_NAMED], 0, 0
    off, printed, found_in = (0.0, ""), np.inf, {}
    for name in names:
        group = named(name)
        ascents = ascend(
            Landscape(group, all_pairs(group)), random_nodes(_ASCENTS, 2 * group.order, np.random.default_rng(1))
        )
        blocks = real_blocks(irreps(group))
        kinds = [irreps(group)[blocks[b][0]] for b in classify(group, ascents.nodes).blocks]
        expected = np.array([irrep_energy(group.order, rho) for rho in kinds])
        count, converged = count + len(kinds), converged + int(ascents.converged.sum())
        off = max(off, (float(np.abs(ascents.energies - expected).max()), name))
        printed = min(printed, float(np.abs(ascents.energies / (expected / 4) - 1).min()))
        if {rho.character.tobytes() for rho in kinds} != {irreps(group)[b[0]].character.tobytes() for b in blocks[1:]}:
            off = (np.inf, f"{name}: an irrep without maxima")
        found_in[name] = sorted(
            {(rho.dim, rho.schur, round(float(e), 6)) for rho, e in zip(kinds, ascents.energies, strict=True)}
        )
    return [
        f"energies of {count} ascents on {len(names)} groups: every group up to order 16, {', '.join(_NAMED)}",
        f"  {converged} of {count} converged; every irrep but the trivial one was found in every group",
        f"  largest |E - M/(2 m d)| {off[0]:.1e} ({off[1]}); nearest to the printed M/(8 m d): off by {printed:.0%}",
        *(f"  {name}, d = 2: {[(s, e) for d, s, e in found_in[name] if d == 2]} (type, E)" for name in _NAMED[-2:]),
    ]


def stage_two() -> list[str]:
    """Closed form against integration, and against gradient ascent by small steps."""
    order, steps, w = 23, 4000, np.random.default_rng(1).normal(0, 1, (20, 46))
    solved = emerge(population_gradient, w, [0, 1.0])
    integrated = []
    for node, solution in zip(w, solved, strict=True):
        exact = evolved(node[None], float(solution.ended))[0]
        integrated.append(np.linalg.norm(solution.final["w"] - exact) / np.linalg.norm(exact))
    landscape, off, agree = Landscape(cyclic(order), np.arange(order**2)), [], 0
    for node in w:
        k, blow_up = winners(node[None])
        t = 0.95 * float(blow_up[0])
        trained = node[None].copy()
        for _ in range(steps):
            trained = trained + t / steps * landscape.gradient(trained)
        exact = evolved(node[None], t)[0]
        off.append(np.linalg.norm(trained[0] - exact) / np.linalg.norm(exact))
        agree += int(winners(trained)[0][0] == k[0])
    return [
        f"Stage II, Z{order}, {len(w)} random nodes",
        f"  closed form against integration at ten times the norm: {max(integrated):.1e}, relative, worst node",
        f"  against {steps} steps of ascent to 0.95 t*: {max(off):.2%} worst, {np.median(off):.2%} median; "
        f"{agree} of {len(w)} keep their winner",
    ]


def emergence() -> list[str]:
    """Kolmogorov-Smirnov of emergence times of random nodes against the derived law."""
    lines = [f"emergence times of {_NODES} random nodes against their law (Kolmogorov-Smirnov)"]
    for order in (3, 8, 23, 71):
        w = np.random.default_rng(order).normal(0, 0.3, (_NODES, 2 * order))
        test = kstest(winners(w)[1], EmergenceLaw(order, 0.3).cdf)
        lines.append(f"  M = {order}: D = {test.statistic:.4f}, p = {test.pvalue:.2f}")
    return lines


def main() -> None:
    """Print every section, with the time it took."""
    for section in (laws, energies, stage_two, emergence):
        start = time.perf_counter()
        lines = section()
        sys.stdout.write("\n".join([*lines, f"  ({time.perf_counter() - start:.0f} s)", ""]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
