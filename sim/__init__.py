"""Ensembles of small networks, trained exactly and recorded. It knows the problem, never a prediction."""

if __name__ == "sim":  # a second copy beside twopeaks.sim would have classes of its own
    raise ImportError("import twopeaks.sim, not sim")
