"""Suites that are made of other suites."""
