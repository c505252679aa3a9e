"""Pages to measure the explorer against."""
