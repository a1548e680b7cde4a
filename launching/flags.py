"""Launchpad's flags; its own where it is installed."""

import importlib.util

from absl import flags

LAUNCH_TYPES = ('local_mt', 'local_mp', 'test_mt', 'test_mp')
HAS_LAUNCHPAD = (
    importlib.util.find_spec('launchpad') is not None
    and importlib.util.find_spec('launchpad.launch') is not None)

if HAS_LAUNCHPAD:
  import launchpad.flags  # pylint: disable=unused-import,g-import-not-at-top
else:
  flags.DEFINE_enum(
      'lp_launch_type', 'local_mp', LAUNCH_TYPES,
      'runs the agent as a program of many nodes: local_mt, on threads; '
      'local_mp, on processes, by Ray.')
  flags.DEFINE_integer(
      'lp_termination_notice_secs', 10,
      'seconds that nodes have to end by themselves.', lower_bound=0)
