"""Distillation's learner: one compiled step a block of short unrolls."""

from typing import Dict, Mapping

from distillery.agents.core import learners
from distillery.agents.core import optimizers
from distillery.agents.distillation import config as distillation_config
from distillery.agents.distillation import teachers as frozen
from distillery.networks import multi_head
from distillery.ops import advantages
from distillery.ops import gradients
import sonnet as snt
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


def distillation_loss(teacher: tfd.Distribution,
                      student: tfd.Distribution) -> tf.Tensor:
  """KL(teacher || student), `[K, N]`: where the teacher goes, so shall it.

  The study's equation (4) is the other direction; its code is this one.
  """
  return tfd.kl_divergence(teacher, student)


class FrozenTeachers(snt.Module):
  """The teachers' parameters, as part of a checkpoint."""

  def __init__(self, teachers: frozen.Teachers):
    super().__init__(name='teachers')
    self.parameters = {
        name: tf.Variable(value, trainable=False,
                          name=name.replace('/', '_'))
        for name, value in teachers.parameters.items()}


class DistillationLearner(learners.Learner):
  """Moves the student to its teachers in blocks `[T, K, E, ...]` of a queue."""

  def __init__(
      self,
      config: distillation_config.DistillationConfig,
      student: multi_head.MultiHeadPolicy,
      teachers: frozen.Teachers,
      **kwargs,
  ):
    """Makes the optimisers.

    Args:
      config: the optimisers' settings.
      student: what is trained.
      teachers: what it is to become.
      **kwargs: of `learners.Learner`.
    """
    self._config = config
    self._student = student
    self._max_deviation = teachers.policy.max_deviation
    self._num_layers = teachers.policy.num_layers
    self._frozen = FrozenTeachers(teachers)
    self._teachers = self._frozen.parameters
    self._shared_optimizer = optimizers.rms_prop(
        config.learning_rate, student.shared_variables())
    self._own_optimizer = optimizers.rms_prop(
        config.learning_rate, student.task_variables())
    super().__init__(
        variables={'policy': {**student.acting_variables(), **self._teachers}},
        checkpointables={
            'policy': student,
            # Whatever becomes of their runs, a resumed one goes on with them.
            'teachers': self._frozen,
            'shared_optimizer': self._shared_optimizer,
            'own_optimizer': self._own_optimizer,
        }, **kwargs)

  @tf.function
  def _step(self, batch: Mapping[str, tf.Tensor],
            step: tf.Tensor) -> Dict[str, tf.Tensor]:
    del step  # Nothing is random.
    student, max_norm = self._student, self._config.max_gradient_norm
    observation = advantages.task_major(batch['observation'])
    teacher = self.teacher(observation)
    shared, own = student.shared_variables(), student.task_variables()
    with tf.GradientTape() as tape:
      policy = student.task(observation)
      kl = distillation_loss(teacher, policy)
      loss = tf.reduce_sum(tf.reduce_mean(kl, axis=1))
    shared_gradients, own_gradients = tape.gradient(loss, (shared, own))
    shared_gradients, _ = tf.clip_by_global_norm(shared_gradients, max_norm)
    self._shared_optimizer.apply_gradients(zip(shared_gradients, shared))
    self._own_optimizer.apply_gradients(zip(gradients.clip_by_task_norm(
        own_gradients, max_norm, num_tasks=student.num_tasks), own))
    student.normalizer.update(observation)
    return {
        'reward': tf.reduce_mean(batch['reward']),
        'kl_to_teacher': tf.reduce_mean(kl),
        'entropy': tf.reduce_mean(policy.entropy()),
        'teacher_entropy': tf.reduce_mean(teacher.entropy()),
    }

  def teacher(self, observation: tf.Tensor) -> tfd.Distribution:
    """What the teachers do, each with the statistics that it was trained with.

    Args:
      observation: `[K, N, D]`, as the environments put it out.
    """
    own = self._teachers
    x = tf.clip_by_value(
        (observation - own['teacher/mean']) * own['teacher/inverse_std'],
        -self._max_deviation, self._max_deviation)
    for i in range(self._num_layers):
      if i > 0:
        x = tf.tanh(x)
      x = tf.matmul(x, own[f'teacher/w{i}']) + own[f'teacher/b{i}']
    return tfd.Independent(tfd.Normal(x, tf.broadcast_to(
        tf.exp(own['teacher/log_std']), tf.shape(x))), 1)
