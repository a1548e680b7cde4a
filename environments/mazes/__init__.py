"""Simulates DeepMind Lab's mazes, many at once, as arrays."""
