"""Acting as the student or as its teacher, drawn for each unroll."""

import dataclasses
from typing import Any, Dict, Tuple

from distillery.networks.acting import multi_head as acting_multi_head
import numpy as np


@dataclasses.dataclass(frozen=True)
class EitherPolicy:
  """Two policies, one of which acts in an unroll of an environment.

  It is for collecting alone, and not for checkpoints.

  Attributes:
    student: acts with `probability`.
    teacher: acts otherwise.
    probability: of the student.
  """

  student: acting_multi_head.MultiHeadPolicy
  teacher: acting_multi_head.MultiHeadPolicy
  probability: float

  state_size = 0  # No memory.

  def select_tasks(
      self, parameters: Dict[str, np.ndarray], task_index: np.ndarray
  ) -> Tuple[Any, Any]:
    """Of both; see `acting.ActingPolicy`."""
    return (
        self.student.select_tasks(parameters, task_index),
        self.teacher.select_tasks(parameters, task_index),
    )

  def draw_noise(
      self, rng: np.random.Generator, num_steps: int, num_rows: int
  ) -> np.ndarray:
    """Of both, and 1 if the student acts: `[num_steps, num_rows, 2 A + 1]`."""
    is_student = rng.random(num_rows) < self.probability
    return np.concatenate(
        [
            *(
                policy.draw_noise(rng, num_steps, num_rows)
                for policy in (self.student, self.teacher)
            ),
            np.broadcast_to(
                is_student[:, np.newaxis], (num_steps, num_rows, 1)
            ),
        ],
        axis=-1,
        dtype=np.float32,
    )

  def sample(
      self,
      selected: Tuple[Any, Any],
      observation: np.ndarray,
      noise: np.ndarray,
  ) -> Tuple[np.ndarray, np.ndarray]:
    """Action `[U, C, A]` and its log-prob `[U, C]` by whoever acts."""
    size = self.student.action_size
    (action, log_prob), (other, other_log_prob) = (
        policy.sample(own, observation, part)
        for policy, own, part in (
            (self.student, selected[0], noise[..., :size]),
            (self.teacher, selected[1], noise[..., size:-1]),
        )
    )
    is_student = noise[..., -1] > 0.0
    return (
        np.where(is_student[..., np.newaxis], action, other),
        np.where(is_student, log_prob, other_log_prob),
    )
