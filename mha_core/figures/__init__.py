"""Figures: numbers in, frozen descriptions and drawings out."""
