"""Launches a program."""

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
  """Where nodes live, and whether `launch` waits for their end."""

  LOCAL_MULTI_THREADING = 'local_mt'
  LOCAL_MULTI_PROCESSING = 'local_mp'
  TEST_MULTI_THREADING = 'test_mt'
  TEST_MULTI_PROCESSING = 'test_mp'


class PythonProcess:
  """What a group's processes get."""

  def __init__(
      self,
      args: Optional[Mapping[str, Any]] = None,
      env: Optional[Mapping[str, str]] = None,
  ):
    """Initialises a description.

    Args:
      args: flags of the process, here without effect.
      env: its environment variables, beside those of the launcher.
    """
    del args
    self.env = dict(env or {})


class Manager:
  """A program that runs."""

  def __init__(self, make_supervisor: Callable[[], supervisor.Supervisor]):
    """Starts the program."""
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
    """Returns itself, at once."""
    self._thread.start()
    return self

  def stop(self) -> None:
    """Ends the program and waits until nothing of it is left."""
    stopping.stop()
    self.wait()

  def wait(self) -> None:
    """Waits for the end.

    Raises:
      supervisor.ProgramError: if a node failed for good.
    """
    if self._thread.is_alive():
      self._thread.join()
    if self._error is not None:
      raise self._error

  def watch(self) -> None:
    """Watches in the calling thread, until the end; raises as `wait` does."""
    previous = {}
    if threading.current_thread() is threading.main_thread():
      # An end like any other: nothing of the program stays behind.
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
  """Refuses what `launch` would refuse, before anything is written.

  Args:
    launch_type: see `launch`.
    ray_address: see `launch`.

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
  """Runs a program; returns at its end, unless it is launched for a test.

  Args:
    program: to run.
    launch_type: see `LaunchType`; by default what --lp_launch_type says.
    xm_resources: of Launchpad's clouds, here without effect.
    local_resources: by the label of a group, what its processes get.
    terminal: of Launchpad's, here without effect.
    test_case: a `unittest.TestCase` at whose end the program ends, or None.
    serialize_py_nodes: of Launchpad's, here without effect.
    ray_address: of a Ray cluster that is to run the processes; empty: this
      machine.

  Returns:
    What a test waits for.

  Raises:
    ValueError: if there is no such launch type.
    ImportError: if Ray is wanted and not installed.
    supervisor.ProgramError: if a node failed for good.
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
