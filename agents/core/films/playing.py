"""Plays the episodes of an evaluation again, and draws them."""

from typing import Any, List, Mapping, NamedTuple

from distillery.agents.core import evaluation
from distillery.environments import base
from distillery.environments import number_checks
from distillery.environments import timestep_checks
from distillery.environments.pool import seeds
from distillery.environments.pool import stateful_policies
from distillery.networks import acting
import numpy as np

# The wanted seconds between two pictures. Steps that are shorter are left out.
_SECONDS_PER_PICTURE = 0.05
# A solved episode ends this many pictures after its first success, so that one
# sees it.
_PICTURES_AFTER_SUCCESS = 10


class Picture(NamedTuple):
  """A picture of an episode.

  Attributes:
    image: the picture, uint8 [H, W, 3].
    task: the name of the task.
    return_: the rewards of the episode so far, undiscounted.
    solved: whether the episode has been solved so far.
  """

  image: np.ndarray
  task: str
  return_: float
  solved: bool


def steps_per_picture(suite: base.TaskSuite) -> int:
  """Returns the number of steps between two pictures of a suite's film."""
  return max(1, round(_SECONDS_PER_PICTURE / suite.seconds_per_step))


def play(
    suite: base.TaskSuite,
    task: base.Task,
    policy: acting.AnyPolicy,
    parameters: Mapping[str, np.ndarray],
    *,
    seed: int,
    num_episodes: int,
    size: int,
) -> List[List[Picture]]:
  """Plays the first episodes of a task's evaluation, and draws them.

  They are the same as in `evaluation.evaluate`: goals, seeds and actions are.
  In a suite that evaluates samples, the actions have other noise. An episode
  ends soon after its first success, if the suite is scored by it.

  Args:
    suite: the suite of the task.
    task: the task.
    policy: the acting policy.
    parameters: the policy's parameters, arrays by name.
    seed: the seed of the run.
    num_episodes: the number of episodes.
    size: the wanted height and width of a picture, in pixels.

  Returns:
    The pictures of each episode.

  Raises:
    OSError: if the environment cannot be drawn.
    timestep_checks.BadValue: if the environment or the policy returns an
      invalid value.
  """
  # The index of a task is its place in its split, as in an evaluation.
  index = [t for t in suite.tasks if t.split == task.split].index(task)
  environment = task.factory(seeds.evaluation_environment_seed(seed, index))
  player = _Player(suite, environment, policy, parameters, index, size)
  try:
    return [
        player.play(task, seed + evaluation.STREAM, episode)
        for episode in range(num_episodes)
    ]
  finally:
    environment.close()


class _Player:
  """The environment and the policy of one task."""

  def __init__(
      self,
      suite: base.TaskSuite,
      environment: base.TaskEnvironment,
      policy: acting.AnyPolicy,
      parameters: Mapping[str, np.ndarray],
      index: int,
      size: int,
  ):
    self._environment = environment
    self._policy: Any = stateful_policies.with_memory(policy)
    self._selected = self._policy.select_tasks(parameters, np.array([index]))
    self._index = index
    self._size = size
    self._deterministic = not suite.evaluates_samples
    self._every = steps_per_picture(suite)
    self._until_success = suite.score == 'success'
    self._gate = number_checks.ActionGate(suite.action_spec, (1, 1))
    self._shape = suite.observation_spec.shape

  def play(self, task: base.Task, seed: int, episode: int) -> List[Picture]:
    """Plays one episode; `seed` is that of the evaluation."""
    environment = self._environment
    rng = seeds.evaluation_noise_generator(seed, self._index, episode)
    timestep = environment.reset(
        seed=seeds.evaluation_seed(seed, self._index, episode),
        variation=episode
        % timestep_checks.num_variations(environment, task.name),
    )
    observation = timestep_checks.first_observation(timestep, self._shape)
    state = np.zeros((1, 1, self._policy.state_size), np.float32)
    total, solved, num_steps, left = 0.0, False, 0, _PICTURES_AFTER_SUCCESS
    pictures = [self._draw(task, total, solved)]
    is_over = False
    while not is_over:
      action, state = self._act(observation, state, rng)
      timestep = environment.step(action)
      timestep_checks.check_step(timestep, self._shape)
      observation = timestep.observation
      num_steps += 1
      total += 0.0 if solved and self._until_success else float(timestep.reward)
      solved |= timestep_checks.as_flag(environment.success, 'success')
      is_over = timestep.last()
      if num_steps % self._every and not is_over:
        continue
      pictures.append(self._draw(task, total, solved))
      left -= solved and self._until_success
      is_over |= left == 0
      number_checks.check_length(num_steps)
    return pictures

  def _act(self, observation: np.ndarray, state: np.ndarray, rng: Any) -> Any:
    rows = observation[np.newaxis, np.newaxis]
    if self._deterministic:
      action, state = self._policy.deterministic(self._selected, rows, state)
    else:
      noise = self._policy.draw_noise(rng, 1, (0,))
      action, _, state = self._policy.sample(self._selected, rows, noise, state)
    return self._gate(action)[0], state

  def _draw(self, task: base.Task, total: float, solved: bool) -> Picture:
    image = self._environment.render(height=self._size, width=self._size)
    if (
        not isinstance(image, np.ndarray)
        or image.dtype != np.uint8
        or image.shape[2:] != (3,)
    ):
      raise OSError(
          f'cannot draw: render of task {task.name!r} returned '
          f'{timestep_checks.brief(image)}, want a picture, uint8 [H, W, 3]'
      )
    return Picture(image, task.name, total, solved)
