"""Modules that policies and values are made of, in Sonnet."""
