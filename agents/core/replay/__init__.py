"""Data on its way from actors to a learner, through Reverb."""
