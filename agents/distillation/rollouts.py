"""The policy that acts as student or as teacher, drawn for each unroll."""

import dataclasses
from typing import Any, Dict, Sequence, Tuple

from distillery.networks.acting import multi_head as acting_multi_head
import numpy as np


@dataclasses.dataclass(frozen=True)
class EitherPolicy:
  """A student and a teacher, one of which acts in an unroll of an environment.

  It is only for collecting; checkpoints do not hold it.

  Attributes:
    student: the policy that acts with `probability`.
    teacher: the policy that acts otherwise.
    probability: the probability that the student acts, in [0, 1].
  """

  student: acting_multi_head.MultiHeadPolicy
  teacher: acting_multi_head.MultiHeadPolicy
  probability: float

  state_size = 0  # No memory.

  def select_tasks(
      self, parameters: Dict[str, np.ndarray], task_index: np.ndarray
  ) -> Tuple[Any, Any]:
    """Gathers the parameters that both policies need in the units' tasks.

    Args:
      parameters: the parameters of both, float32 arrays by name.
      task_index: the index of each unit's task, int `[U]`.

    Returns:
      The student's selection and the teacher's, for `sample`.
    """
    return (
        self.student.select_tasks(parameters, task_index),
        self.teacher.select_tasks(parameters, task_index),
    )

  def draw_noise(
      self,
      rng: np.random.Generator,
      num_steps: int,
      environments: Sequence[int],
  ) -> np.ndarray:
    """Draws the noise of an unroll, and which of the two acts in it.

    Args:
      rng: the generator to draw from.
      num_steps: T, the steps of the unroll.
      environments: the index of each row's environment among those of its task,
        `[N]`.

    Returns:
      Float32 `[num_steps, N, 2 A + 1]`: the student's noise, the
      teacher's noise, and 1 if the student acts, else 0.
    """
    is_student = rng.random(len(environments)) < self.probability
    return np.concatenate(
        [
            *(
                policy.draw_noise(rng, num_steps, environments)
                for policy in (self.student, self.teacher)
            ),
            np.broadcast_to(
                is_student[:, np.newaxis], (num_steps, len(environments), 1)
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
    """Samples an action of the student or of the teacher in each row.

    Args:
      selected: the parameters that `select_tasks` returned.
      observation: the observations, float32 `[U, C, D]`.
      noise: the noise of one step, from `draw_noise`, `[U, C, 2 A + 1]`.

    Returns:
      The actions, `[U, C, A]`, and their log-probabilities under the policy
      that acted, `[U, C]`.
    """
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
