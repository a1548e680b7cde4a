"""Simulates DAMSEL's tasks (Mendonca et al. 2020): 3 families, one scene."""
