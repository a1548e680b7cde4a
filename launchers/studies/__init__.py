"""The runs that studies of papers are made of."""
