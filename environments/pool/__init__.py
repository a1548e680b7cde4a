"""Steps environments of many tasks, in worker processes or as arrays."""

from distillery.environments.pool import episodes
from distillery.environments.pool import errors
from distillery.environments.pool import process_pool

Episode = episodes.Episode
Pool = process_pool.Pool
PoolError = errors.PoolError
