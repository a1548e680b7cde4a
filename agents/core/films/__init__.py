"""Plays episodes of trained policies, and writes them as films."""
