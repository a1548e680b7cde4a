"""Meta-World: its tasks, fixed goals and benchmarks, and a fast step."""
