"""Makes the parts of a Distral agent; see `core.builders` on its imports."""

from __future__ import annotations

import typing
from typing import Sequence

from distillery.agents.core import builders
from distillery.agents.distral import config as distral_config

if typing.TYPE_CHECKING:
  from acme.utils import counting
  from distillery.agents.distral import learning
  from distillery.agents.distral import networks as distral_networks
  import reverb


class DistralBuilder(builders.OnPolicyBuilder):
  """Distral on blocks of unrolls, one queue."""

  def __init__(self, config: distral_config.DistralConfig,
               spec: builders.AgentSpec):
    if config.shared_observes_task and spec.num_test_tasks:
      raise ValueError(
          'shared_observes_task: a held-out task is none of those that the '
          'shared policy was told of; want --noshared_observes_task with a '
          f'suite that has {spec.num_test_tasks} test tasks.')
    super().__init__(config, spec)

  @property
  def evaluated_policies(self) -> Sequence[str]:
    if self.config.architecture == 'shared':
      return ('shared',)
    # A pi_0 that nothing ties to the tasks is not trained at all.
    is_trained = (
        self.config.kl_cost > 0.
        or self.config.optimization == 'alternating'
        or (self.config.architecture == 'two_column'
            and self.config.logits_alpha > 0.))
    return ('task', 'shared') if is_trained else ('task',)

  def make_networks(self, seed: int) -> distral_networks.DistralNetworks:
    from distillery.agents.distral import networks
    return networks.make_networks(
        self.spec.num_tasks, self.spec.observation_spec, self.spec.action_spec,
        self.config, seed)

  def make_learner(
      self, networks: distral_networks.DistralNetworks,
      client: reverb.Client, counter: counting.Counter,
      seed: int) -> learning.DistralLearner:
    from distillery.agents.core import replay
    from distillery.agents.distral import learning
    return learning.DistralLearner(
        self.config, networks, seed,
        iterator=replay.make_iterator(client.server_address, 'task'),
        counter=counter)
