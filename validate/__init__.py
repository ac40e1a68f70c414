"""Where theory and training meet: detection, statistics, scores, figures, report, commands."""
