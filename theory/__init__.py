"""Mathematics of memorisation and generalisation: groups, settings, equations, peaks, predictors. No torch here."""

if __name__ == "theory":  # a second copy beside twopeaks.theory would have classes of its own
    raise ImportError("import twopeaks.theory, not theory")
