"""Makes the parts of a Distral agent."""

import acme
from acme.utils import counting
from distillery.agents.core import builders
from distillery.agents.core import replay
from distillery.agents.distral import config as distral_config
from distillery.agents.distral import learning
from distillery.agents.distral import networks as distral_networks
from distillery.networks import acting
import reverb


class DistralBuilder(builders.Builder):
  """Distral on blocks of unrolls, one queue."""

  def __init__(self, config: distral_config.DistralConfig,
               spec: builders.AgentSpec):
    self.config = config
    self.spec = spec

  @property
  def evaluated_policies(self):
    if self.config.architecture == 'shared':
      return ('shared',)
    # Without a KL cost a separate pi_0 is not trained at all.
    is_trained = self.config.kl_cost > 0. or (
        self.config.architecture == 'two_column')
    return ('task', 'shared') if is_trained else ('task',)

  def make_tables(self):
    signature = replay.block_signature(
        unroll_length=self.config.unroll_length,
        num_tasks=self.spec.num_tasks,
        envs_per_task=self.config.envs_per_task,
        observation_spec=self.spec.observation_spec,
        action_spec=self.spec.action_spec)
    return [replay.make_queue(signature, max_blocks=1)]

  def make_networks(self, seed: int) -> distral_networks.DistralNetworks:
    return distral_networks.make_networks(
        self.spec.num_tasks, self.spec.observation_spec, self.spec.action_spec,
        self.config, seed)

  def make_policy(self, networks: distral_networks.DistralNetworks,
                  which: str) -> acting.ColumnPolicy:
    return networks.policy.acting_policy(which)

  def make_learner(
      self, networks: distral_networks.DistralNetworks,
      client: reverb.Client, counter: counting.Counter,
      seed: int) -> acme.Learner:
    return learning.DistralLearner(
        self.config, networks, seed,
        iterator=replay.make_iterator(client.server_address), counter=counter)
