"""From stored runs and CSV files to measured cells: detection, statistics, tables."""
