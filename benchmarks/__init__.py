"""Measurements, side by side and as ratios. Nothing here is a test."""
