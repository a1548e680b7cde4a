"""Learns tabular Distral from samples: acts, learns Q and distils in turn."""

import dataclasses
from typing import Sequence, Tuple

from distillery.agents.core import config_fields
from distillery.agents.core import shared_fields
from distillery.agents.distral import tabular
import numpy as np


@dataclasses.dataclass(frozen=True)
class SoftQConfig:
  """The settings of tabular Distral (Teh et al. 2017, section 4.1)."""

  alpha: float = config_fields.field(
      1.0,
      'The power alpha of pi_0, c_KL / (c_KL + c_Ent), in [0, 1]. The paper '
      'uses the KL alone, which is 1.',
      config_fields.FROM_ZERO_TO_ONE,
  )
  beta: float = config_fields.field(
      20.0,
      'The inverse temperature 1 / (c_KL + c_Ent). If it is small, the policy '
      'of a method without distillation can never become nearly greedy, and '
      'its return is lower for this reason alone.',
      config_fields.POSITIVE,
  )
  discount: float = shared_fields.discount(0.95)
  learning_rate: float = config_fields.field(
      0.1,
      'The share, in (0, 1], by which Q moves to its target in a step.',
      config_fields.POSITIVE,
      config_fields.FROM_ZERO_TO_ONE,
  )
  rollout_length: int = config_fields.field(
      10,
      'The number of environment steps of each task between two distillations.',
      config_fields.POSITIVE,
  )
  max_episode_steps: int = config_fields.field(
      100,
      'The number of steps after which an episode is cut off. Q is '
      'bootstrapped there.',
      config_fields.POSITIVE,
  )
  count_decay: float = config_fields.field(
      0.99,
      'The factor, in [0, 1], by which each distillation multiplies the '
      'earlier counts from which pi_0 is computed. 0: it uses the latest steps '
      'alone.',
      config_fields.FROM_ZERO_TO_ONE,
  )
  pseudo_count: float = config_fields.field(
      1.0,
      'The number that is added to the count of every action, so that pi_0 '
      'excludes none.',
      config_fields.POSITIVE,
  )

  def __post_init__(self) -> None:
    config_fields.check_fields(self)


class SoftQLearner:
  """The learner of K tasks for each of R seeds, side by side.

  Attributes:
    q: the soft Q of each task, float64 `[R, K, S, A]`.
    log_prior: log pi_0, float64 `[R, S, A]`; it stays uniform without
      distillation.
  """

  def __init__(
      self,
      config: SoftQConfig,
      tables: tabular.Tables,
      seeds: Sequence[int],
      *,
      distils: bool,
  ):
    """Starts an episode of every task.

    Args:
      config: the settings of the learning.
      tables: the tasks, with leading axes `[R, K]`, see `tabular.Tables`.
      seeds: R seeds; the results of a seed do not depend on the others.
      distils: whether pi_0 is distilled. If not, each task learns alone.

    Raises:
      ValueError: if the rewards are not `[R, K, S, A]` with R seeds.
    """
    if tables.reward.ndim != 4 or len(tables.reward) != len(seeds):
      raise ValueError(
          f'tables: got rewards of shape {tables.reward.shape}, '
          f'want [R, K, S, A] with R = {len(seeds)} seeds.'
      )
    self._config = config
    self._tables = tables
    self._distils = distils
    shape = tables.reward.shape
    self._rngs = [np.random.default_rng([seed, 1]) for seed in seeds]
    self._runs = np.arange(shape[0])[:, np.newaxis]
    self._tasks = np.arange(shape[1])
    self.q = np.zeros(shape)
    self._counts = np.zeros((shape[0], *shape[2:]))
    self.log_prior = np.full_like(self._counts, -np.log(shape[-1]))
    self._state = np.zeros(shape[:2], int)
    self._length = np.zeros(shape[:2], int)
    self._begin(np.ones(shape[:2], bool))

  def policy(self) -> np.ndarray:
    """Returns the policies pi_k, float64 `[R, K, S, A]`."""
    return tabular.soft_policy(
        self.q,
        self.log_prior[:, np.newaxis],
        alpha=self._config.alpha,
        beta=self._config.beta,
    )

  def iterate(self) -> None:
    """Acts for `rollout_length` steps in every task, learns Q and distils."""
    steps = [self._act() for _ in range(self._config.rollout_length)]
    for state, action in reversed(steps):
      self._learn(state, action)
    if self._distils:
      self._distil([state for state, _ in steps])

  def _act(self) -> Tuple[np.ndarray, np.ndarray]:
    """Steps every task by its policy; returns states and actions, `[R, K]`."""
    state = self._state
    policy = self._policy_in(state)
    draw = np.stack([rng.random(self._tasks.shape) for rng in self._rngs])
    action = np.minimum(
        (policy.cumsum(axis=-1) < draw[..., np.newaxis]).sum(axis=-1),
        policy.shape[-1] - 1,
    )
    ends = self._tables.discount[self._runs, self._tasks, state, action] == 0.0
    self._state = self._tables.next_state[state, action]
    self._length += 1
    self._begin(ends | (self._length >= self._config.max_episode_steps))
    return state, action

  def _begin(self, where: np.ndarray) -> None:
    """Starts a new episode in the tasks `where`, bool `[R, K]`."""
    for run, rng in enumerate(self._rngs):
      for task in np.flatnonzero(where[run]):
        self._state[run, task] = rng.choice(
            self._tables.start.shape[-1], p=self._tables.start[run, task]
        )
    self._length[where] = 0

  def _learn(self, state: np.ndarray, action: np.ndarray) -> None:
    """Moves Q to its target in one state and action of each task, `[R, K]`."""
    config, tables = self._config, self._tables
    here = (self._runs, self._tasks, state, action)
    following = tables.next_state[state, action]
    value = tabular.soft_value(
        self.q[self._runs, self._tasks, following],
        self.log_prior[self._runs, following],
        alpha=config.alpha,
        beta=config.beta,
    )
    target = tables.reward[here] + (
        config.discount * tables.discount[here] * value
    )
    self.q[here] += config.learning_rate * (target - self.q[here])

  def _distil(self, states: Sequence[np.ndarray]) -> None:
    """Adds the policies in visited states, `[R, K]` each, to the counts."""
    self._counts *= self._config.count_decay
    for state in states:
      # Two tasks may be in the same state.
      np.add.at(self._counts, (self._runs, state), self._policy_in(state))
    smoothed = self._counts + self._config.pseudo_count
    self.log_prior = np.log(smoothed / smoothed.sum(axis=-1, keepdims=True))

  def _policy_in(self, state: np.ndarray) -> np.ndarray:
    """Returns each pi_k in one state `[R, K]`, as `[R, K, A]`."""
    return tabular.soft_policy(
        self.q[self._runs, self._tasks, state],
        self.log_prior[self._runs, state],
        alpha=self._config.alpha,
        beta=self._config.beta,
    )
