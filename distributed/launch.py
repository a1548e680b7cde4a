"""Launches programs on threads or on processes."""

import enum
import signal
import threading
from typing import Any, Callable, Dict, Mapping, Optional, Union

from absl import flags
from distillery.distributed import engine
from distillery.distributed import flags as launch_flags
from distillery.distributed import programs
from distillery.distributed import ray_checks
from distillery.distributed import stopping
from distillery.distributed import supervisor
from distillery.distributed import thread_engine


class LaunchType(enum.Enum):
  """The way to launch a program: on threads or processes, for a test or not."""

  LOCAL_MULTI_THREADING = 'local_mt'
  LOCAL_MULTI_PROCESSING = 'local_mp'
  TEST_MULTI_THREADING = 'test_mt'
  TEST_MULTI_PROCESSING = 'test_mp'


class PythonProcess:
  """The settings of the processes of one group."""

  def __init__(
      self,
      args: Optional[Mapping[str, Any]] = None,
      env: Optional[Mapping[str, str]] = None,
  ):
    """Initialises the settings.

    Args:
      args: flags of the process; only Launchpad uses them.
      env: environment variables of the process, added to the launcher's.
    """
    del args
    self.env = dict(env or {})


class Manager:
  """A program that is running."""

  def __init__(self, make_supervisor: Callable[[], supervisor.Supervisor]):
    """Starts the program under the supervisor that the function makes."""
    stopping.begin()
    self._error: Optional[BaseException] = None
    self._supervisor = make_supervisor()
    self._supervisor.start()
    self._thread = threading.Thread(target=self._watch, daemon=True)

  def _watch(self) -> None:
    try:
      self._supervisor.watch()
    except BaseException as error:
      self._error = error

  def watch_in_background(self) -> 'Manager':
    """Starts to watch the nodes in a thread; returns this manager."""
    self._thread.start()
    return self

  def stop(self) -> None:
    """Ends the program and waits until all its nodes have ended."""
    stopping.stop()
    self.wait()

  def wait(self) -> None:
    """Waits for the end of the program.

    Raises:
      supervisor.ProgramError: if a node failed too often to be restarted.
    """
    if self._thread.is_alive():
      self._thread.join()
    if self._error is not None:
      raise self._error

  def watch(self) -> None:
    """Watches the nodes in the calling thread until the program ends.

    Raises:
      supervisor.ProgramError: if a node failed too often to be restarted.
    """
    previous = {}
    if threading.current_thread() is threading.main_thread():
      # SIGTERM raises here, so that the program cleans up its nodes.
      previous = {
          number: signal.signal(number, _raise) for number in (signal.SIGTERM,)
      }
    try:
      self._supervisor.watch()
    finally:
      for number, handler in previous.items():
        signal.signal(number, handler)


def _raise(number: int, frame: Any) -> None:
  del frame
  raise SystemExit(128 + number)


def check(launch_type: Union[LaunchType, str], ray_address: str) -> None:
  """Checks, before anything is written, that `launch` can start a program.

  Args:
    launch_type: the way to launch, or its value, such as 'local_mp'.
    ray_address: the Ray cluster, as 'HOST:PORT'; empty for this machine.

  Raises:
    ImportError, ValueError, ConnectionError: see `ray_checks.check`.
  """
  if _is_ray(LaunchType(launch_type)):
    ray_checks.check(ray_address)


def launch(
    program: programs.Program,
    launch_type: Union[LaunchType, str, None] = None,
    xm_resources: Any = None,
    local_resources: Optional[Dict[str, PythonProcess]] = None,
    terminal: Optional[str] = None,
    test_case: Any = None,
    serialize_py_nodes: Optional[bool] = None,
    *,
    ray_address: str = '',
) -> Manager:
  """Runs a program to its end; launched for a test, returns at once.

  Args:
    program: the program to run.
    launch_type: the way to launch; None takes the flag --lp_launch_type.
    xm_resources: settings of clouds; only Launchpad uses them.
    local_resources: the settings of the processes of a group, by its label.
    terminal: the terminal to print to; only Launchpad uses it.
    test_case: a `unittest.TestCase` at whose end the program ends, or None.
    serialize_py_nodes: how to pickle; only Launchpad uses it.
    ray_address: the Ray cluster that runs the processes, as 'HOST:PORT'; empty
      for this machine.

  Returns:
    The manager of the program, by which a test stops it or waits for it.

  Raises:
    ValueError: if there is no such launch type.
    ImportError: if the launch type needs Ray, and Ray is not installed.
    supervisor.ProgramError: if a node failed too often to be restarted.
  """
  del xm_resources, terminal, serialize_py_nodes
  launch_type = LaunchType(
      launch_type or flags.FLAGS[launch_flags.LAUNCH_TYPE].value
  )

  def make_supervisor() -> supervisor.Supervisor:
    return supervisor.Supervisor(
        program,
        _make_engine(launch_type, local_resources or {}, ray_address),
        notice_s=flags.FLAGS[launch_flags.NOTICE].value or 0.0,
    )

  manager = Manager(make_supervisor)
  if launch_type in (
      LaunchType.TEST_MULTI_THREADING,
      LaunchType.TEST_MULTI_PROCESSING,
  ):
    if test_case is not None:
      test_case.addCleanup(manager.stop)
    return manager.watch_in_background()
  manager.watch()
  return manager


def _is_ray(launch_type: LaunchType) -> bool:
  return launch_type.value.endswith('_mp')


def _make_engine(
    launch_type: LaunchType,
    local_resources: Mapping[str, PythonProcess],
    ray_address: str,
) -> engine.Engine:
  if not _is_ray(launch_type):
    return thread_engine.ThreadEngine()
  from distillery.distributed import ray_engine

  return ray_engine.RayEngine(
      address=ray_address,
      environment={
          label: process.env for label, process in local_resources.items()
      },
  )
