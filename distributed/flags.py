"""Launchpad's flags, defined here where Launchpad is not installed."""

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
      'how to run the agent as a program of many nodes: local_mt, on threads; '
      'local_mp, on processes that Ray starts. '
      'Without this flag the launcher itself runs the agent.',
  )
  flags.DEFINE_integer(
      NOTICE,
      10,
      'seconds that nodes get to end by themselves before they are killed.',
      lower_bound=0,
  )
