"""The energy of a feature on real data: ascents, peaks, basins."""
