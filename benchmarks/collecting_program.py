"""A program of two actors that collect, without a learner."""

import functools
import os
import pathlib
import signal
import time
from typing import Any, Dict, List

from distillery.agents.core.running import setup
from distillery.distributed import launch
from distillery.distributed import lp
from distillery.distributed import reaper
import numpy as np

_WAIT_S = 120.0


class Sink:
  """A node in place of a learner: serves variables and drops the blocks."""

  def __init__(self, config: setup.ExperimentConfig, replay: Any):
    """Makes the networks.

    Args:
      config: the agent and its tasks.
      replay: the client of the Reverb server.
    """
    from distillery.agents.core.replay import blocks

    builder = setup.make_builder(config)
    networks = builder.make_networks(config.seed)
    self._policies = {'task': builder.make_policy(networks, 'task')}
    self._variables = [
        {
            name: variable.numpy()
            for name, variable in networks.policy.acting_variables().items()
        }
    ]
    self._blocks = blocks.make_iterator(replay.server_address, 'task')

  def policies(self, evaluated: bool) -> Dict[str, Any]:
    """Returns the policies by name; the same ones to evaluate and to train."""
    del evaluated
    return self._policies

  def get_variables(self, names: List[str]) -> List[Dict[str, np.ndarray]]:
    """Returns the same variables at each call."""
    del names
    return self._variables

  def add_episodes(self, episodes: List[Any]) -> bool:
    """Returns that the actor shall continue."""
    del episodes
    return True

  def run(self) -> None:
    """Takes blocks from replay until the program ends."""
    while not lp.stop_event().is_set():
      next(self._blocks)


def make_tables(config: setup.ExperimentConfig) -> List[Any]:
  """Makes the tables of the agent."""
  return setup.make_builder(config).make_tables(apart=True)


def make_counter() -> Any:
  """Makes a counter of Acme."""
  from acme.utils import counting

  return counting.Counter()


def make_actor(*args: Any) -> Any:
  """Makes an actor node of the agent."""
  from distillery.agents.core.running import nodes

  return nodes.ActorNode(*args)


class Collecting:
  """A running program that collects."""

  def __init__(self, config: setup.ExperimentConfig, begun: int):
    """Launches the program and waits for its first steps.

    Args:
      config: the agent and its tasks.
      begun: the number of environment steps to wait for.
    """
    program = lp.Program('collecting')
    replay = program.add_node(
        lp.ReverbNode(functools.partial(make_tables, config)), label='replay'
    )
    counter = program.add_node(lp.CourierNode(make_counter), label='counter')
    sink = program.add_node(
        lp.CourierNode(Sink, config, replay), label='learner'
    )
    for index in range(2):
      program.add_node(
          lp.CourierNode(make_actor, config, index, 1, replay, counter, sink),
          label='actor',
      )
    self._manager = launch.launch(program, 'test_mp')
    self._counter = counter.dereference()
    self._wait_for_steps(begun)

  def rate(self, seconds: float) -> float:
    """Returns the environment steps a second, measured for `seconds`."""
    begin, before = time.monotonic(), self._steps()
    time.sleep(seconds)
    return (self._steps() - before) / (time.monotonic() - begin)

  def restart_s(self) -> float:
    """Kills an actor; returns the seconds until a new process replaces it."""
    actor = _process_of('actor/0')
    os.kill(actor, signal.SIGKILL)
    begin = time.monotonic()
    while _process_of('actor/0') in (actor, 0):
      if time.monotonic() > begin + _WAIT_S:
        raise TimeoutError(f'no other actor in {_WAIT_S:.0f} s')
      time.sleep(0.05)
    return time.monotonic() - begin

  def close(self) -> None:
    """Ends the program."""
    self._manager.stop()

  def _steps(self) -> int:
    return self._counter.get_counts().get('env_steps', 0)

  def _wait_for_steps(self, steps: int) -> None:
    deadline = time.monotonic() + _WAIT_S
    while self._steps() < steps:
      if time.monotonic() > deadline:
        raise TimeoutError(f'no {steps} steps in {_WAIT_S:.0f} s')
      time.sleep(0.1)


def _process_of(node: str) -> int:
  """Returns the id of a node's process; 0 if there is none."""
  for process in reaper.descendants([os.getpid()]):
    path = pathlib.Path(f'/proc/{process}')
    try:
      if f'DISTILLERY_NODE={node}\0'.encode() in (
          path / 'environ'
      ).read_bytes() and (path / 'comm').read_text().startswith('ray::'):
        return process
    except OSError:
      pass  # The process has ended, or belongs to another user.
  return 0
