"""Evaluation episodes in a worker: one lane a task, all lanes acting at once."""

from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

import dm_env
import numpy as np

from distillery.environments import base
from distillery.environments import guards
from distillery.environments import progress
from distillery.environments import rollouts
from distillery.environments import units

_NOISE_STEPS = 100  # Drawn at once; the length of an episode is not known.
_MAX_EPISODE_STEPS = 100_000


class Lane(NamedTuple):
  """One task's share of the episodes.

  Attributes:
    position: the task's position among the evaluated ones.
    index: the task's index, which the policy and the seeds go by.
    task: the task.
    key: what its environment is kept under.
    episodes: numbers of the episodes to play.
  """
  position: int
  index: int
  task: base.Task
  key: bytes
  episodes: Tuple[int, ...]


class _Player:
  """Plays the episodes of a lane one after another."""

  def __init__(self, lane: Lane, environment: base.TaskEnvironment, seed: int,
               size: int, policy: Optional[Any]):
    self.lane = lane
    self.environment = environment
    self.is_done = False
    self._seed = seed
    self._size = size
    self._policy = policy  # None: no noise is wanted.
    self._left = iter(lane.episodes)
    self.episode = -1
    self.length = 0
    self._return = 0.

  def begin(self) -> Optional[np.ndarray]:
    """The next episode's first observation; None if there is none."""
    episode = next(self._left, None)
    if episode is None:
      self.is_done = True
      return None
    self.episode, self.length, self._return = episode, 0, 0.
    if self._policy is not None:
      self._noise = self._draw_noise(units.evaluation_noise_generator(
          self._seed, self.lane.index, episode))
    timestep = self.environment.reset(
        seed=units.evaluation_seed(self._seed, self.lane.index, episode),
        variation=episode % self.environment.num_variations)
    return guards.first_observation(timestep, self._size)

  def _draw_noise(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
    while True:
      yield from self._policy.draw_noise(rng, _NOISE_STEPS, 1)

  def next_noise(self) -> np.ndarray:
    """The noise [1, ...] of the coming step."""
    return next(self._noise)

  def step(self, action: Any) -> Tuple[dm_env.TimeStep, Optional[
      rollouts.Episode]]:
    """Takes one step; the episode too if it ended, by success or by itself."""
    timestep = self.environment.step(action)
    self.length += 1
    self._return += float(timestep.reward)
    success = bool(self.environment.success)
    if not (timestep.last() or success):
      if self.length >= _MAX_EPISODE_STEPS:
        raise ValueError(
            f'the episode has not ended after {_MAX_EPISODE_STEPS} steps: give '
            'the environment a time limit')
      return timestep, None
    return timestep, rollouts.Episode(
        task=self.lane.task.name, env=0, episode=self.episode,
        return_=self._return, length=self.length, success=success)


class Evaluator:
  """Keeps a worker's evaluation environments, apart from the training ones."""

  def __init__(self, plan: units.Plan, worker: int,
               control: Mapping[str, np.ndarray]):
    """Makes an evaluator without environments; they are built when needed."""
    self._plan = plan
    self._stop = control['stop']
    self._progress = control['progress'][worker]
    self._environments: Dict[bytes, base.TaskEnvironment] = {}

  def run(self, policy: Any, parameters: Mapping[str, np.ndarray],
          lanes: List[Lane], *, deterministic: bool, seed: int
          ) -> List[Tuple[int, rollouts.Episode]]:
    """Plays every lane's episodes.

    Args:
      policy: see `networks/acting.py`.
      parameters: its parameters.
      lanes: at most one a task.
      deterministic: whether to take the policy's mode instead of sampling.
      seed: of the episodes and of the sampling.

    Returns:
      (position of the task, Episode), in the order in which they ended.

    Raises:
      guards.BadRow: on numbers that are not finite; `progress` says where.
      rollouts.Stopped: if the parent asked to stop.
    """
    if not lanes:
      return []
    players = [
        _Player(lane, self._environment(lane), seed,
                self._plan.observation_size, None if deterministic else policy)
        for lane in lanes]
    self._progress[progress.ENVIRONMENT] = 0
    self._progress[progress.PHASE] = progress.EVALUATING
    selected = policy.select_tasks(
        parameters, np.array([lane.index for lane in lanes]))
    gate = guards.ActionGate(self._plan.action_spec, (len(lanes), 1))
    # Every lane is a unit of one row of its own, so that its numbers do not
    # depend on which other lanes the worker has.
    observation = np.zeros(
        (len(lanes), 1, self._plan.observation_size), np.float32)
    for row, player in enumerate(players):
      self._point_at(player)
      observation[row, 0] = player.begin()
    finished: List[Tuple[int, rollouts.Episode]] = []
    noise = None
    while not all(player.is_done for player in players):
      if self._stop[0]:
        raise rollouts.Stopped
      self._progress[progress.EPISODE] = progress.NO_ROW
      if deterministic:
        action = policy.mode(selected, observation)
      else:
        noise = _gather_noise(players, noise)
        action, _ = policy.sample(selected, observation, noise)
      try:
        finished += self._step(players, gate(action), observation)
      except guards.BadRow as error:
        self._point_at(players[error.row])
        raise
    self._progress[progress.PHASE] = progress.IDLE
    return finished

  def _step(self, players: List[_Player], actions: np.ndarray,
            observation: np.ndarray) -> List[Tuple[int, rollouts.Episode]]:
    reward = np.zeros(len(players), np.float32)
    finished = []
    for row, player in enumerate(players):
      if player.is_done:
        continue
      self._point_at(player)
      timestep, episode = player.step(actions[row])
      observation[row, 0], reward[row] = timestep.observation, timestep.reward
      if episode is not None:
        finished.append((row, episode))
    guards.check_finite(observation[:, 0], reward)
    for row, _ in finished:
      first = players[row].begin()
      if first is not None:
        observation[row, 0] = first
    return [(players[row].lane.position, episode) for row, episode in finished]

  def _environment(self, lane: Lane) -> base.TaskEnvironment:
    if lane.key not in self._environments:
      self._progress[progress.TASK] = lane.position
      self._progress[progress.ENVIRONMENT] = 0
      self._progress[progress.PHASE] = progress.BUILDING_FOR_EVALUATION
      self._environments[lane.key] = guards.build(
          lane.task,
          units.evaluation_environment_seed(self._plan.seed, lane.index),
          self._plan.observation_size, self._plan.action_spec)
    return self._environments[lane.key]

  def _point_at(self, player: _Player) -> None:
    place = self._progress
    place[progress.TASK] = player.lane.position
    place[progress.EPISODE] = player.episode
    place[progress.STEP] = player.length


def _gather_noise(players: List[_Player], noise: Optional[np.ndarray]
                  ) -> np.ndarray:
  """The coming step's noise [L, 1, ...]; done players keep their last."""
  drawn = [None if player.is_done else player.next_noise()
           for player in players]
  if noise is None:
    return np.stack(drawn)
  for row, value in enumerate(drawn):
    if value is not None:
      noise[row] = value
  return noise
