"""Runs an experiment, in one process or as a program of several nodes."""
