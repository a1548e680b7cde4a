"""Launchpad's names: DeepMind's own where it is installed, ours elsewhere.

  from distillery.distributed import lp

  program = lp.Program('counting')
  with program.group('counter'):
    counter = program.add_node(lp.CourierNode(counting.Counter))
  with program.group('actor'):
    program.add_node(lp.CourierNode(Actor, counter))
  lp.launch(program, launch_type='local_mt')

`CacherNode` is always the one of this package.
"""

from typing import Any

from distillery.distributed import connections
from distillery.distributed import flags
from distillery.distributed import nodes

if flags.HAS_LAUNCHPAD:
  import launchpad
else:
  from distillery.distributed import own_launchpad as launchpad

CacherNode = nodes.CacherNode
CourierHandle = launchpad.CourierHandle
CourierNode = launchpad.CourierNode
LaunchType = launchpad.LaunchType
Program = launchpad.Program
ReverbNode = launchpad.ReverbNode
launch = launchpad.launch
register_stop_handler = launchpad.register_stop_handler
stop = launchpad.stop
stop_event = launchpad.stop_event
unregister_stop_handler = launchpad.unregister_stop_handler
wait_for_stop = launchpad.wait_for_stop


def check(launch_type: Any, ray_address: str) -> None:
  """Checks, before anything is written, that a program can be launched here.

  Args:
    launch_type: a value of --lp_launch_type.
    ray_address: the Ray cluster, as 'HOST:PORT'; empty for this machine.

  Raises:
    ImportError, ValueError, ConnectionError: see `launch.check`.
  """
  if not flags.HAS_LAUNCHPAD:
    launchpad.check(launch_type, ray_address)


def launch_and_wait(program: Any, launch_type: Any, ray_address: str) -> None:
  """Runs a program to its end.

  Args:
    program: the program to run.
    launch_type: a value of --lp_launch_type.
    ray_address: the Ray cluster, as 'HOST:PORT'; empty for this machine.
      DeepMind's Launchpad does not use it.

  Raises:
    supervisor.ProgramError: if a node failed too often to be restarted.
  """
  # Here, because no thread reads the environment variables yet.
  connections.bypass_proxies()
  if flags.HAS_LAUNCHPAD:
    launched = launch(program, launch_type, terminal='current_terminal')
    if launched is not None:
      launched.wait()
  else:
    launch(program, launch_type, ray_address=ray_address).wait()
