"""Simulates gymnasium's HalfCheetah-v5 with six bodies, many at once."""
