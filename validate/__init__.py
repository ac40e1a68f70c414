"""Where theory and training meet: measurement, scores, claims, forecasts, figures, pages, the command."""

if __name__ == "validate":  # a second copy beside twopeaks.validate would have classes of its own
    raise ImportError("import twopeaks.validate, not validate")
