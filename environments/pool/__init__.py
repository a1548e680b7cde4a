"""Steps environments of many tasks, in worker processes or as arrays."""
