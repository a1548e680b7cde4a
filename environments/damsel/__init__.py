"""DAMSEL's tasks (Mendonca et al. 2020): three families in one scene."""
