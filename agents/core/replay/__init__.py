"""Moves data from actors to a learner, through Reverb."""
