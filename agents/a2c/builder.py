"""Makes the parts of an A2C agent; see `core.builders` on its imports."""

from __future__ import annotations

import json
import pathlib
import typing
from typing import Optional, Sequence

from distillery.agents.a2c import config as a2c_config
from distillery.agents.core import builders
from distillery.agents.core import checkpoints

if typing.TYPE_CHECKING:
  from acme.utils import counting
  from distillery.agents.a2c import learning
  from distillery.agents.a2c import networks as a2c_networks
  import reverb


class A2CBuilder(builders.OnPolicyBuilder):
  """A2C on blocks of short unrolls, one queue."""

  def __init__(self, config: a2c_config.A2CConfig, spec: builders.AgentSpec):
    """Initialises the builder.

    Raises:
      ValueError: if config and tasks do not go together.
    """
    builders.check_continuous('A2C', spec.action_spec)
    if config.initial_run:
      self._initial = checkpoints.newest(config.initial_run)
      if self._initial is None:
        raise ValueError(
            f'initial_run: there is no checkpoint in {config.initial_run!r}.')
      _check_initial(config)
    super().__init__(config, spec)

  @property
  def evaluated_policies(self) -> Sequence[str]:
    return ('task',)

  @property
  def max_actors(self) -> Optional[int]:
    # Returns go on from block to block, of the same environments.
    return 1 if self.config.normalize_rewards else None

  def make_networks(self, seed: int) -> a2c_networks.A2CNetworks:
    from distillery.agents.a2c import networks
    made = networks.make_networks(self.spec, self.config, seed)
    if self.config.initial_run:
      parts = {'policy': made.policy}
      if checkpoints.holds(self._initial, 'value'):
        parts['value'] = made.value
        if self.config.normalize_rewards:
          parts['reward_scale'] = made.reward_scale
      checkpoints.restore(self._initial, parts, whole=False)
      made = made._replace(value_is_new='value' not in parts)
    return made

  def make_learner(
      self, networks: a2c_networks.A2CNetworks, client: reverb.Client,
      counter: counting.Counter, seed: int) -> learning.A2CLearner:
    from distillery.agents.a2c import learning
    from distillery.agents.core import replay
    return learning.A2CLearner(
        self.config, networks, counter=counter,
        iterator=replay.make_iterator(client.server_address, 'task'))


def _check_initial(config: a2c_config.A2CConfig) -> None:
  """Refuses what is of another agent, or has values in another unit."""
  run = config.initial_run
  there = json.loads((pathlib.Path(run) / 'config.json').read_text())
  if there['agent'] not in ('a2c', 'distillation'):
    raise ValueError(f'initial_run: {run!r} is a run of {there["agent"]}, want '
                     'one of a2c or distillation.')
  normalized = there['agent_config'].get('normalize_rewards')
  if normalized not in (None, config.normalize_rewards):  # A student has none.
    raise ValueError(
        f'normalize_rewards: got {config.normalize_rewards}, and the values in '
        f'{run!r} were learned with {normalized}; want the same.')
  num_envs = there['agent_config'].get('envs_per_task')
  if normalized and num_envs != config.envs_per_task:
    raise ValueError(
        f'envs_per_task: got {config.envs_per_task}, and rewards in {run!r} '
        f'were normalised over {num_envs}; want the same.')
