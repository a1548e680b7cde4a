"""Trust-region steps of K regions at once."""
