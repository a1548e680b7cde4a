"""Policies of K tasks, in Sonnet."""
