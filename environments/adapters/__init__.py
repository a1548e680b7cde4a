"""A user's own gymnasium and dm_env environments as tasks."""
