"""Defines the builder of Distral; see `core.builders` on its imports."""

from __future__ import annotations

import typing
from typing import Any, Sequence

from distillery.agents.core import specs as core_specs
from distillery.agents.core.replay import builders
from distillery.agents.distral import config as distral_config
from dm_env import specs

if typing.TYPE_CHECKING:
  from acme.utils import counting
  from distillery.agents.core import learners
  from distillery.networks import acting
  import reverb


class DistralBuilder(builders.OnPolicyBuilder):
  """The builder of Distral, which learns from blocks of unrolls.

  With `lstm_size` the networks are a `recurrent.RecurrentColumnPolicy`,
  otherwise `networks.DistralNetworks`.
  """

  def __init__(
      self, config: distral_config.DistralConfig, spec: core_specs.AgentSpec
  ):
    """Initialises the builder.

    Args:
      config: the agent's config.
      spec: the description of the tasks.

    Raises:
      ValueError: if the config does not fit the tasks.
    """
    if config.shared_observes_task:
      core_specs.check_no_held_out(
          spec, 'shared_observes_task', '--noshared_observes_task'
      )
    if config.lstm_size and not isinstance(
        spec.action_spec, specs.DiscreteArray
    ):
      raise ValueError(
          f'lstm_size={config.lstm_size}: columns with an LSTM choose among '
          f'discrete actions, got {spec.action_spec}; want lstm_size=0.'
      )
    if config.conv_channels and spec.image_shape is None:
      raise ValueError(
          f'conv_channels={config.conv_channels}: observations have no image; '
          'want no conv_channels.'
      )
    super().__init__(config, spec)

  @property
  def evaluated_policies(self) -> Sequence[str]:
    if self.config.architecture == 'shared':
      return ('shared',)
    # If nothing ties pi_0 to the tasks, it is not trained at all.
    is_trained = (
        self.config.kl_cost > 0.0
        or self.config.centroid_cost > 0.0
        or self.config.optimization == 'alternating'
        or (
            self.config.architecture == 'two_column'
            and self.config.logits_alpha > 0.0
        )
    )
    return ('task', 'shared') if is_trained else ('task',)

  @property
  def state_size(self) -> int:
    num_columns = 1 if self.config.architecture == 'shared' else 2
    return 2 * self.config.lstm_size * num_columns

  def make_networks(self, seed: int) -> Any:
    from distillery.agents.distral import networks

    if self.config.lstm_size:
      return networks.make_recurrent_policy(self.spec, self.config, seed)
    return networks.make_networks(
        self.spec.num_tasks,
        self.spec.observation_spec,
        self.spec.action_spec,
        self.config,
        seed,
    )

  def make_policy(self, networks: Any, which: str) -> acting.AnyPolicy:
    if self.config.lstm_size:
      return networks.acting_policy(which)
    return super().make_policy(networks, which)

  def make_learner(
      self,
      networks: Any,
      client: reverb.Client,
      counter: counting.Counter,
      seed: int,
  ) -> learners.Learner:
    from distillery.agents.core.replay import blocks
    from distillery.agents.distral import learning
    from distillery.agents.distral import recurrent_learning

    iterator = blocks.make_iterator(client.server_address, 'task')
    if self.config.lstm_size:
      return recurrent_learning.RecurrentDistralLearner(
          self.config, networks, iterator=iterator, counter=counter
      )
    return learning.DistralLearner(
        self.config, networks, seed, iterator=iterator, counter=counter
    )
