"""Six bodies of gymnasium's HalfCheetah-v5, many stepped at once."""
