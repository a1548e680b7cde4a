"""Holds what TRPO and DnC share: agents that step within trust regions."""
