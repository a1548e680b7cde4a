"""Soft actor-critic: of one task, of several, or one of each at once."""
