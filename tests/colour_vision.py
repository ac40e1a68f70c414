"""How colours look to dichromats, and how far apart they look.

Matrices: Machado, Oliveira & Fernandes, IEEE Trans. Vis. Comput. Graph. 15 (2009) 1291, severity 1, on linear sRGB.
Distances: CIE 1976 L*a*b* (D65), where 2.3 is just noticed.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

__all__ = ["MATRICES", "nearest", "seen_lab"]

Floats = NDArray[np.float64]

MATRICES: dict[str, Floats] = {
    "trichromat": np.eye(3),
    "protanope": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranope": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanope": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
#: Linear sRGB -> CIE XYZ (IEC 61966-2-1), and the XYZ of its white.
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def seen_lab(colour: str, eye: str) -> Floats:
    """(3,) L*, a*, b* of a colour as somebody sees it."""
    s = np.array(to_rgb(colour))
    linear = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)
    xyz = _XYZ @ np.clip(MATRICES[eye] @ linear, 0, 1) / _XYZ.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def nearest(colours: set[str]) -> tuple[float, str, str, str]:
    """Least distance of two of these colours to anybody, who sees it, and which two; infinite for fewer than two."""
    found = [
        (float(np.linalg.norm(seen_lab(one, eye) - seen_lab(other, eye))), eye, one, other)
        for eye in MATRICES
        for one, other in combinations(sorted(colours), 2)
    ]
    return min(found, default=(float("inf"), "", "", ""))
