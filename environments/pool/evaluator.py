"""Plays evaluation episodes in a worker, with one lane for each task."""

from typing import (
    Any,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
)

from distillery.environments import base
from distillery.environments import number_checks
from distillery.environments import timestep_checks
from distillery.environments.pool import environment_building
from distillery.environments.pool import episodes as pool_episodes
from distillery.environments.pool import progress
from distillery.environments.pool import seeds
from distillery.environments.pool import unroller
from distillery.environments.pool import work_plan
import numpy as np

# The number of steps whose noise is drawn at once, as the length of an episode
# is unknown.
_NOISE_STEPS = 100


class Lane(NamedTuple):
  """The episodes of a task that a worker plays.

  Attributes:
    position: the position of the task among the tasks to evaluate.
    task_index: the index of the task for the policy and the seeds.
    task: the task.
    key: the key under which the evaluator keeps the task's environment.
    episodes: the numbers of the episodes to play.
  """

  position: int
  task_index: int
  task: base.Task
  key: bytes
  episodes: Tuple[int, ...]


class _Player:
  """A player of the episodes of a lane, one after another."""

  def __init__(
      self,
      lane: Lane,
      environment: base.TaskEnvironment,
      seed: int,
      noise_policy: Optional[Any],
      until_success: bool,
  ):
    self.lane = lane
    self.environment = environment
    self.is_done = False
    self.episode = -1
    self.length = 0
    self._return, self._success = 0.0, False
    self._seed = seed
    self._noise_policy = noise_policy  # None if it acts without noise.
    self._until_success = until_success
    self._episodes = iter(lane.episodes)
    self._shape = environment.observation_spec().shape

  def begin(self, place: np.ndarray) -> Optional[np.ndarray]:
    """Begins the next episode; returns its first observation [D], or None.

    The result is None if there are no more episodes.
    """
    episode = next(self._episodes, None)
    if episode is None:
      self.is_done = True
      return None
    self.episode, self.length = episode, 0
    self._return, self._success = 0.0, False
    self.point(place, 0)
    if self._noise_policy is not None:
      self._noise = _draw_noise(
          self._noise_policy,
          seeds.evaluation_noise_generator(
              self._seed, self.lane.task_index, episode
          ),
      )
    timestep = self.environment.reset(
        seed=seeds.evaluation_seed(self._seed, self.lane.task_index, episode),
        variation=episode
        % timestep_checks.num_variations(self.environment, self.lane.task.name),
    )
    return timestep_checks.first_observation(timestep, self._shape)

  def point(self, place: np.ndarray, step: int) -> None:
    """Writes to the shared row that this lane is at `step`."""
    place[progress.TASK] = self.lane.position
    place[progress.EPISODE] = self.episode
    place[progress.STEP] = step

  def next_noise(self) -> np.ndarray:
    """Returns the noise [1, ...] of the next step."""
    return next(self._noise)

  def count(
      self, reward: np.float32, is_last: bool
  ) -> Optional[pool_episodes.Episode]:
    """Counts a step; returns the episode if it has ended, else None."""
    self.length += 1
    self._return += float(reward)
    self._success |= timestep_checks.as_flag(
        self.environment.success, 'success'
    )
    if not is_last and not (self._until_success and self._success):
      number_checks.check_length(self.length)
      return None
    return pool_episodes.Episode(
        task=self.lane.task.name,
        env=0,
        episode=self.episode,
        return_=self._return,
        length=self.length,
        success=self._success,
    )


class Evaluator:
  """The part of a worker that evaluates, in environments of its own."""

  def __init__(
      self,
      plan: work_plan.Plan,
      place: np.ndarray,
      stop_check: unroller.StopCheck,
  ):
    """Makes an evaluator without environments; they are built when needed.

    Args:
      plan: the plan of the pool.
      place: this worker's row of `control['progress']`, int64
        [`progress.WIDTH`].
      stop_check: the check, which is called at every step.
    """
    self._plan = plan
    self._place = place
    self._stop_check = stop_check
    self._environments: Dict[bytes, base.TaskEnvironment] = {}

  def run(
      self,
      policy: Any,
      parameters: Mapping[str, np.ndarray],
      lanes: List[Lane],
      *,
      deterministic: bool,
      until_success: bool,
      seed: int,
  ) -> List[Tuple[int, pool_episodes.Episode]]:
    """Plays every lane's episodes.

    Args:
      policy: the policy, with the methods of the policies in
        `networks/acting/`.
      parameters: the policy's parameters, by name.
      lanes: the lanes, at most one for each task.
      deterministic: whether to act without noise instead of sampling.
      until_success: whether an episode also ends at its first success.
      seed: the seed of the episodes and of the sampling.

    Returns:
      The pairs (position of the task, Episode), in the order in which the
      episodes ended.

    Raises:
      timestep_checks.BadValue: if the policy or an environment returns an
        invalid value. `progress` says where.
      unroller.Stopped: if the parent has asked the workers to stop, or has
        ended.
    """
    if not lanes:
      return []
    players = [
        _Player(
            lane,
            self._environment(lane),
            seed,
            None if deterministic else policy,
            until_success,
        )
        for lane in lanes
    ]
    self._place[progress.ENVIRONMENT] = 0
    self._place[progress.EPISODE] = progress.NO_ROW
    self._place[progress.PHASE] = progress.EVALUATING
    selected = policy.select_tasks(
        parameters, np.array([lane.task_index for lane in lanes], np.int64)
    )
    gate = number_checks.ActionGate(self._plan.action_spec, (len(lanes), 1))
    # Every lane is a unit of one row, so its numbers do not depend on the other
    # lanes of the worker.
    observation = np.zeros(
        (len(players), 1, self._plan.observation_size), np.float32
    )
    for row, player in enumerate(players):
      first = player.begin(self._place)
      if first is not None:
        observation[row, 0] = first
    finished: List[Tuple[int, pool_episodes.Episode]] = []
    noise = None
    while not all(player.is_done for player in players):
      self._stop_check()
      self._place[progress.EPISODE] = progress.NO_ROW
      if deterministic:
        action = policy.deterministic(selected, observation)
      else:
        noise = _gather_noise(players, noise)
        action, _ = policy.sample(selected, observation, noise)
      finished += self._step(players, gate, action, observation)
    self._place[progress.PHASE] = progress.IDLE
    return finished

  def _step(
      self,
      players: List[_Player],
      gate: number_checks.ActionGate,
      action: np.ndarray,
      observation: np.ndarray,
  ) -> List[Tuple[int, pool_episodes.Episode]]:
    """Steps every lane that is not done; updates `observation` [L, 1, D]."""
    reward = np.zeros(len(players), np.float32)
    discount = np.zeros(len(players), np.float32)
    timesteps = {}
    try:
      actions = gate(action)
      for row, player in enumerate(players):
        if not player.is_done:
          player.point(self._place, player.length)
          timesteps[row] = timestep = player.environment.step(actions[row])
          timestep_checks.check_step(timestep, observation.shape[2:])
          observation[row, 0] = timestep.observation
          reward[row], discount[row] = timestep.reward, timestep.discount
      number_checks.check_numbers(observation[:, 0], reward, discount)
    except number_checks.BadRow as error:
      player = players[error.row]
      player.point(self._place, player.length)
      raise
    finished = []
    for row, timestep in timesteps.items():
      player = players[row]
      player.point(self._place, player.length)
      episode = player.count(reward[row], timestep.last())
      if episode is not None:
        finished.append((player.lane.position, episode))
        first = player.begin(self._place)
        if first is not None:
          observation[row, 0] = first
    return finished

  def _environment(self, lane: Lane) -> base.TaskEnvironment:
    if lane.key not in self._environments:
      self._place[progress.TASK] = lane.position
      self._place[progress.ENVIRONMENT] = 0
      self._place[progress.PHASE] = progress.BUILDING_FOR_EVALUATION
      self._environments[lane.key] = environment_building.build(
          lane.task,
          seeds.evaluation_environment_seed(self._plan.seed, lane.task_index),
          self._plan.observation_size,
          self._plan.action_spec,
      )
    return self._environments[lane.key]


def _draw_noise(policy: Any, rng: np.random.Generator) -> Iterator[np.ndarray]:
  """Yields the noise [1, ...] of one step after another, without end."""
  while True:
    yield from policy.draw_noise(rng, _NOISE_STEPS, (0,))


def _gather_noise(
    players: List[_Player], noise: Optional[np.ndarray]
) -> np.ndarray:
  """Returns the next step's noise [L, 1, ...]; done players keep their last."""
  if noise is None:  # The first step: every player has an episode.
    return np.stack([player.next_noise() for player in players])
  for row, player in enumerate(players):
    if not player.is_done:
      noise[row] = player.next_noise()
  return noise
