"""Launchpad's flags; its own where it is installed."""

import importlib.util

from absl import flags

LAUNCH_TYPE = 'lp_launch_type'
NOTICE = 'lp_termination_notice_secs'
LAUNCH_TYPES = ('local_mt', 'local_mp', 'test_mt', 'test_mp')
HAS_LAUNCHPAD = (
    importlib.util.find_spec('launchpad') is not None
    and importlib.util.find_spec('launchpad.launch') is not None
)

if HAS_LAUNCHPAD:
  import launchpad.flags  # noqa: F401
else:
  flags.DEFINE_enum(
      LAUNCH_TYPE,
      'local_mp',
      LAUNCH_TYPES,
      'runs the agent as a program of many nodes: local_mt, on threads; '
      'local_mp, on processes, by Ray.',
  )
  flags.DEFINE_integer(
      NOTICE, 10, 'seconds that nodes have to end by themselves.', lower_bound=0
  )
