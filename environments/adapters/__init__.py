"""Turns a user's own gymnasium and dm_env environments into tasks."""

from distillery.environments.adapters import suites

suite_from_factories = suites.suite_from_factories
