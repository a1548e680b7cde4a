"""Runs every node in a process of its own, by Ray, on one machine or many."""

import contextlib
import functools
import os
import secrets
import subprocess
import sys
import threading
import time
from typing import Any, Dict, Optional

from distillery.distributed import addresses
from distillery.distributed import engine
from distillery.distributed import live_node
from distillery.distributed import nodes
from distillery.distributed import quiet
from distillery.distributed import ray_checks
from distillery.distributed import ray_output
from distillery.distributed import reaper
from distillery.distributed import stopping

_POLL_S = 0.1
_ANSWER_S = 600.0  # A method that takes longer counts as hanging.
_MAX_CALLS = 64  # The number of calls that a node answers at a time.
_OBJECT_STORE_BYTES = 2 * 10**8
_SETTINGS = {
    # Without this each process complains that no dashboard takes its metrics.
    'RAY_BACKEND_LOG_LEVEL': 'fatal',
    'RAY_USAGE_STATS_ENABLED': '0',
    # Nodes get the same priority as other programs on the machine.
    'RAY_worker_niceness': '0',
}
_NO_GPU = {'CUDA_VISIBLE_DEVICES': ''}
_KEEP_GPU = 'RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO'


class RayEngine(engine.Engine):
  """The engine that runs each node as an actor of Ray."""

  def __init__(
      self,
      *,
      address: str = '',
      environment: Optional[Dict[str, Dict[str, str]]] = None,
  ):
    """Starts Ray, or joins a cluster.

    Args:
      address: the head of a Ray cluster, as 'HOST:PORT'. Empty: Ray is started
        on this machine, for this program alone, and listens on the loopback
        device.
      environment: the environment variables of the nodes of a group, by its
        label.

    Raises:
      ImportError, ValueError, ConnectionError: see `ray_checks.check`.
    """
    self._ray = ray = ray_checks.check(address)
    self._environment = environment or {}
    self._namespace = f'distillery-{secrets.token_hex(8)}'
    self._hosts: Dict[str, _RayHost] = {}
    for name, value in _SETTINGS.items():
      os.environ.setdefault(name, value)
    common = dict(
        namespace=self._namespace,
        log_to_driver=True,
        configure_logging=True,
        logging_level='ERROR',
    )
    before = reaper.descendants([os.getpid()])
    with contextlib.ExitStack() as printing:
      printing.enter_context(ray_output.of_nodes_alone())
      with quiet.quiet_native_code(), ray_output.without_tips():
        if address:
          ray.init(address=address, **common)
        else:
          ray.init(
              address='local',
              _node_ip_address='127.0.0.1',
              include_dashboard=False,
              object_store_memory=_OBJECT_STORE_BYTES,
              **common,
          )
      self._printing = printing.pop_all()
    daemons = set(reaper.descendants([os.getpid()])) - set(before)
    # Its pipe closes when this process ends, in whatever way it ends.
    self._reaper = subprocess.Popen(
        [sys.executable, reaper.__file__, *map(str, daemons)],
        stdin=subprocess.PIPE,
        # Ctrl-C on a terminal must not reach the reaper.
        start_new_session=True,
    )

  def bind(self, name: str, node: nodes.Node) -> None:
    node.address.bind(functools.partial(_Transport, self._namespace, name))

  def start(self, name: str, node: nodes.Node) -> '_RayHost':
    ray = self._ray
    group = name.partition('/')[0]
    variables = {
        nodes.NODE_VARIABLE: name,
        # The output of a node appears at once.
        'PYTHONUNBUFFERED': '1',
        # A node imports from the same paths as the launcher.
        'PYTHONPATH': os.pathsep.join(path for path in sys.path if path),
        # Only the learner sees the GPUs of the machine.
        **({_KEEP_GPU: '0'} if group == 'learner' else _NO_GPU),
        **self._environment.get(group, {}),
    }
    place = ray.get_runtime_context().get_node_id()
    if group == 'actor':
      # One machine after the other, as Ray spreads only actors that reserve
      # cores.
      places = sorted(n['NodeID'] for n in ray.nodes() if n['Alive'])
      place = places[int(name.partition('/')[2]) % len(places)]
    strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
        place, soft=group == 'actor'
    )
    actor = (
        ray.remote(_Process)
        .options(
            name=name,
            num_cpus=0,
            max_restarts=0,
            max_concurrency=_MAX_CALLS,
            runtime_env={'env_vars': variables},
            scheduling_strategy=strategy,
        )
        .remote(name, node, os.getcwd())
    )
    self._hosts[name] = _RayHost(ray, actor)
    return self._hosts[name]

  def announce_stop(self) -> None:
    stopping.announce()
    for host in self._hosts.values():
      host.announce_stop()

  def close(self) -> None:
    self._ray.shutdown()
    self._printing.close()
    self._reaper.communicate(reaper.ALL_IS_WELL)


class _Process:
  """The Ray actor in which a node runs."""

  _name = 'a node'

  def __init__(self, name: str, node: nodes.Node, folder: str):
    import ray

    # Relative paths start at the launcher's folder, not at the one where the
    # cluster was started.
    with contextlib.suppress(OSError):  # Another machine may lack the folder.
      os.chdir(folder)

    self._name = name
    addresses.set_host(ray.util.get_node_ip_address())
    stopping.begin()
    self._runner = live_node.NodeRunner(name, node)

  def __repr__(self) -> str:
    return self._name  # Ray prints it before each line of the process.

  def main(self) -> engine.Outcome:
    thread = threading.Thread(target=self._runner.main, daemon=True)
    thread.start()
    while thread.is_alive() and not stopping.is_requested():
      thread.join(_POLL_S)
    return engine.Outcome(
        self._runner.failure, asks_for_stop=stopping.is_requested()
    )

  def call(self, method: str, args: tuple, kwargs: dict) -> Any:
    return self._runner.call(method, args, kwargs)

  def announce_stop(self) -> None:
    stopping.announce()


class _RayHost(engine.Host):

  def __init__(self, ray: Any, actor: Any):
    self._ray = ray
    self._actor = actor
    self._main = actor.main.remote()
    self._outcome: Optional[engine.Outcome] = None

  def poll(self) -> Optional[engine.Outcome]:
    if self._outcome is None and self._ray.wait([self._main], timeout=0)[0]:
      try:
        self._outcome = self._ray.get(self._main)
      except self._ray.exceptions.RayError as error:
        text = str(error).strip()
        # If the node could not be unpickled, the last line tells why.
        was_alive = not getattr(error, 'actor_init_failed', False)
        self._outcome = engine.Outcome(
            live_node.Failure(
                'its process died' if was_alive else text.splitlines()[-1],
                text,
                constructed=was_alive,
                raised=False,
            )
        )
    return self._outcome

  def announce_stop(self) -> None:
    self._actor.announce_stop.remote()

  def kill(self) -> None:
    self._ray.kill(self._actor)


class _Transport:

  def __init__(self, namespace: str, name: str):
    self._namespace = namespace
    self._name = name
    self._actor: Any = None

  def call(self, method: str, args: tuple, kwargs: dict) -> Any:
    import ray

    deadline = time.monotonic() + live_node.PATIENCE_S
    while True:
      try:
        if self._actor is None:
          self._actor = ray.get_actor(self._name, self._namespace)
        return ray.get(
            self._actor.call.remote(method, args, kwargs), timeout=_ANSWER_S
        )
      except (
          ValueError,
          ray.exceptions.RayActorError,
          ray.exceptions.OutOfMemoryError,
          live_node.NotReady,
      ) as error:
        if isinstance(error, ValueError) and self._actor is not None:
          raise  # The method itself raised it.
        self._actor = None  # The node is being restarted.
      except ray.exceptions.GetTimeoutError as error:
        raise TimeoutError(
            f'{self._name} did not answer {method}() in {_ANSWER_S:.0f} s.'
        ) from error
      if stopping.stop_event().is_set():
        raise stopping.Stopped
      if time.monotonic() > deadline:
        raise TimeoutError(
            f'{self._name} did not answer {method}() in '
            f'{live_node.PATIENCE_S:.0f} s.'
        )
      time.sleep(_POLL_S)
