"""Defines the builder of distillation; see `core.builders` on its imports."""

from __future__ import annotations

import typing
from typing import Sequence

from distillery.agents.core import specs
from distillery.agents.core.replay import builders
from distillery.agents.distillation import config as distillation_config
from distillery.agents.distillation import rollouts
from distillery.agents.distillation import teachers

if typing.TYPE_CHECKING:
  from acme.utils import counting
  from distillery.agents.distillation import learning
  from distillery.networks import acting
  from distillery.networks.policies import multi_head
  import reverb


class DistillationBuilder(builders.OnPolicyBuilder):
  """The builder of distillation.

  Blocks come from the student, its teachers or both, in one queue.
  """

  def __init__(
      self,
      config: distillation_config.DistillationConfig,
      spec: specs.AgentSpec,
  ):
    """Reads the teachers.

    Args:
      config: the agent's config.
      spec: the description of the tasks.

    Raises:
      ValueError: if the config does not fit the tasks or the teachers.
    """
    specs.check_continuous('distillation', spec.action_spec)
    self._teachers = teachers.read(
        config.teachers.split(','),
        spec.task_names,
        act=config.student_probability < 1.0,
    )
    (size,) = spec.observation_spec.shape
    first = self._teachers.parameters['w0']
    if first.shape[1] != size:
      raise ValueError(
          f'teachers: they were trained on observations of {first.shape[1]} '
          f'numbers, but the observations of these tasks have {size}.'
      )
    super().__init__(config, spec)

  @property
  def evaluated_policies(self) -> Sequence[str]:
    return ('task',)

  @property
  def behaviours(self) -> Sequence[str]:
    if self.config.student_probability in (0.0, 1.0):
      return ('task',) if self.config.student_probability else ('teacher',)
    return ('either',)

  def make_networks(self, seed: int) -> multi_head.MultiHeadPolicy:
    from distillery.networks.policies import multi_head

    config, spec = self.config, self.spec
    return multi_head.MultiHeadPolicy(
        spec.num_tasks,
        spec.observation_spec.shape[0],
        spec.action_spec.shape[0],
        architecture='multi_head',
        hidden_sizes=config.hidden_sizes,
        initial_std=config.initial_std,
        min_observation_std=config.min_observation_std,
        seed=seed,
    )

  def make_policy(
      self, networks: multi_head.MultiHeadPolicy, which: str
  ) -> acting.ActingPolicy:
    if which == 'teacher':
      return self._teachers.policy
    student = networks.acting_policy(
        'task',
        *specs.action_bounds(self.spec.action_spec),
        noise_colors=self.config.noise_colors,
    )
    if which == 'task':
      return student
    either = rollouts.EitherPolicy(
        student, self._teachers.policy, self.config.student_probability
    )
    # It only acts in training. No checkpoint holds it, so it has no `to_json`.
    return either  # type: ignore[return-value]

  def make_learner(
      self,
      networks: multi_head.MultiHeadPolicy,
      client: reverb.Client,
      counter: counting.Counter,
      seed: int,
  ) -> learning.DistillationLearner:
    from distillery.agents.core.replay import blocks
    from distillery.agents.distillation import learning

    (queue,) = self.behaviours
    return learning.DistillationLearner(
        self.config,
        networks,
        self._teachers,
        counter=counter,
        iterator=blocks.make_iterator(client.server_address, queue),
    )
