"""Wraps Meta-World: tasks, fixed goals, benchmarks, and a fast step."""
