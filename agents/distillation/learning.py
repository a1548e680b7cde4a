"""Defines the learner of distillation, with one compiled step for a block."""

from typing import Dict, Iterator, Optional

from acme.utils import counting
from distillery.agents.core import learners
from distillery.agents.core import optimizers
from distillery.agents.core.replay import batch_checks
from distillery.agents.core.replay import blocks
from distillery.agents.distillation import config as distillation_config
from distillery.agents.distillation import losses
from distillery.agents.distillation import teachers as frozen
from distillery.networks.policies import multi_head
import tensorflow as tf


class DistillationLearner(learners.Learner):
  """The learner that moves the student to its teachers, from queued blocks."""

  def __init__(
      self,
      config: distillation_config.DistillationConfig,
      student: multi_head.MultiHeadPolicy,
      teachers: frozen.Teachers,
      *,
      iterator: Iterator[blocks.Block],
      counter: Optional[counting.Counter] = None,
  ):
    """Makes the optimisers.

    Args:
      config: the agent's config, with the settings of the optimisers.
      student: the policy that is trained.
      teachers: the frozen policies that the student imitates.
      iterator: yields blocks `[K, T, E, ...]`.
      counter: the counter of `learner_steps`; if None, the learner makes one.
    """
    self._config = config
    self._student = student
    self.teacher = _make_teacher(teachers)
    self._shared_optimizer, self._own_optimizer = (
        optimizers.rms_prop(
            config.learning_rate,
            part,
            decay=config.rms_prop_decay,
            epsilon=config.rms_prop_epsilon,
        )
        for part in (student.shared_variables(), student.task_variables())
    )
    super().__init__(
        variables={
            'policy': {
                **student.acting_variables(),
                **{
                    teachers.policy.prefix + name: variable
                    for name, variable in self.teacher.acting_variables().items()
                },
            }
        },
        checkpointables={
            'policy': student,
            # The teachers' own runs may be trained further. A resumed
            # distillation keeps the teachers that it started with.
            'teacher': self.teacher,
            'shared_optimizer': self._shared_optimizer,
            'own_optimizer': self._own_optimizer,
        },
        iterator=iterator,
        counter=counter,
    )

  @tf.function
  def _step(self, block: blocks.Block, step: tf.Tensor) -> Dict[str, tf.Tensor]:
    """Updates the student from one block."""
    del step  # Nothing is random.
    batch_checks.check_block(
        block, self._student.num_tasks, ('observation', 'reward')
    )
    student, max_norm = self._student, self._config.max_gradient_norm
    observation = block.samples().observation
    teacher = self.teacher.task(observation)
    shared, own = student.shared_variables(), student.task_variables()
    with tf.GradientTape() as tape:
      policy = student.task(observation)
      kl = losses.distillation_loss(teacher, policy)
      loss = tf.reduce_sum(tf.reduce_mean(kl, axis=1))
    shared_gradients, own_gradients = tape.gradient(loss, (shared, own))
    optimizers.apply_clipped(
        self._shared_optimizer, shared_gradients, shared, max_norm
    )
    optimizers.apply_clipped(
        self._own_optimizer,
        own_gradients,
        own,
        max_norm,
        num_tasks=student.num_tasks,
    )
    student.normalizer.update(observation)
    return {
        'reward': tf.reduce_mean(block.reward),
        'kl_to_teacher': tf.reduce_mean(kl),
        'entropy': tf.reduce_mean(policy.entropy()),
        'teacher_entropy': tf.reduce_mean(teacher.entropy()),
    }


def _make_teacher(teachers: frozen.Teachers) -> multi_head.MultiHeadPolicy:
  """Makes one policy of all teachers, each with the statistics of its own run.

  The policy is never trained. The weights that its constructor draws are
  overwritten.
  """
  parameters = teachers.parameters
  weights = [parameters[f'w{i}'] for i in range(teachers.policy.num_layers)]
  policy = multi_head.MultiHeadPolicy(
      len(weights[0]),
      weights[0].shape[1],
      weights[-1].shape[-1],
      architecture='separate',
      hidden_sizes=[weight.shape[-1] for weight in weights[:-1]],
      initial_std=1.0,
      min_observation_std=1.0,
      seed=0,
  )
  for name, variable in policy.acting_variables().items():
    variable.assign(parameters[name])
  return policy
