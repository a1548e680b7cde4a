"""DeepMind Lab's mazes, many stepped at once as arrays."""
