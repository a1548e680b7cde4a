"""Soft actor-critic: for one task, for several, or an agent for each task."""
