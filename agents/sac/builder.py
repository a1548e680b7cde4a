"""Defines the builder of SAC; see `core.builders` on its imports."""

from __future__ import annotations

import math
import typing
from typing import List, Sequence

from distillery.agents.core import builders
from distillery.agents.core import specs
from distillery.agents.sac import config as sac_config

if typing.TYPE_CHECKING:
  from acme.utils import counting
  from distillery.agents.sac import learning
  from distillery.agents.sac import networks as sac_networks
  from distillery.networks.acting import squashed as acting_squashed
  import reverb


class SACBuilder(builders.Builder):
  """The builder of SAC, with a replay of transitions for each task."""

  def __init__(self, config: sac_config.SACConfig, spec: specs.AgentSpec):
    """Initialises the builder.

    Args:
      config: the agent's config.
      spec: the description of the tasks.

    Raises:
      ValueError: if the config does not fit the tasks.
    """
    specs.check_bounded('SAC', spec.action_spec)
    if config.observes_task or config.architecture != 'shared':
      specs.check_no_held_out(
          spec,
          'observes_task' if config.observes_task else 'architecture',
          '--noobserves_task --architecture=shared',
      )
    super().__init__(config, spec)
    self._batch_per_task = _batch_per_task(config, spec.num_tasks)
    self._steps_per_block = _learner_steps_per_block(
        config, self._batch_per_task
    )

  @property
  def evaluated_policies(self) -> Sequence[str]:
    return ('shared',) if self.config.architecture == 'shared' else ('task',)

  @property
  def behaviours(self) -> Sequence[str]:
    return self.evaluated_policies

  @property
  def keeps_replay(self) -> bool:
    return True

  def make_tables(self, *, apart: bool) -> List[reverb.Table]:
    from distillery.agents.core.replay import transitions
    from reverb import rate_limiters

    config, limiter = self.config, None
    if apart:
      block = config.envs_per_task * config.unroll_length
      # Actors may be two blocks ahead; the learner prefetches samples.
      error_buffer = (
          2.0 * block * config.samples_per_insert
          + 8.0 * self._batch_per_task * config.updates_per_step
      )
      limiter = rate_limiters.SampleToInsertRatio(
          config.samples_per_insert, config.random_steps, error_buffer
      )
    return transitions.make_tables(
        self.spec,
        max_size=config.replay_size,
        min_size=config.random_steps,
        last_limiter=limiter,
    )

  @classmethod
  def make_inserter(
      cls, spec: specs.AgentSpec, client: reverb.Client
  ) -> builders.Inserter:
    from distillery.agents.core.replay import transitions

    return transitions.Inserter(client, spec.num_tasks)

  def num_learner_steps(self, env_steps: int) -> int:
    is_random = env_steps < self.spec.num_tasks * self.config.random_steps
    return 0 if is_random else self._steps_per_block

  def make_networks(self, seed: int) -> sac_networks.SACNetworks:
    from distillery.agents.sac import networks

    return networks.make_networks(self.spec, self.config, seed)

  def make_policy(
      self, networks: sac_networks.SACNetworks, which: str
  ) -> acting_squashed.SquashedPolicy:
    return networks.policy.acting_policy(
        *specs.action_bounds(self.spec.action_spec),
        noise_colors=self.config.noise_colors,
    )

  def make_learner(
      self,
      networks: sac_networks.SACNetworks,
      client: reverb.Client,
      counter: counting.Counter,
      seed: int,
  ) -> learning.SACLearner:
    from distillery.agents.core.replay import transitions
    from distillery.agents.sac import learning

    return learning.SACLearner(
        self.config,
        networks,
        self.spec,
        seed,
        counter=counter,
        iterator=transitions.make_iterator(
            client.server_address,
            num_tasks=self.spec.num_tasks,
            batch_size=self._batch_per_task,
            num_batches=self.config.updates_per_step,
        ),
    )


def _batch_per_task(config: sac_config.SACConfig, num_tasks: int) -> int:
  """Returns N, the number of transitions of each task in an update.

  Raises:
    ValueError: if the batch cannot be shared out equally among K tasks, or
      `replay_size` or `random_steps` is less than N.
  """
  if config.batch_size % num_tasks:
    raise ValueError(
        f'batch_size={config.batch_size} cannot be shared out equally among '
        f'{num_tasks} tasks; want a multiple of {num_tasks}, usually '
        f'{128 * num_tasks}.'
    )
  share = config.batch_size // num_tasks
  for name in ('replay_size', 'random_steps'):
    if getattr(config, name) < share:
      raise ValueError(
          f'{name}={getattr(config, name)} is less than the {share} '
          'transitions of a task in a batch (batch_size).'
      )
  if config.random_steps > config.replay_size:
    raise ValueError(
        f'random_steps={config.random_steps} do not fit into a replay of '
        f'replay_size={config.replay_size}.'
    )
  return share


def _learner_steps_per_block(
    config: sac_config.SACConfig, batch_per_task: int
) -> int:
  """Returns the learner steps after a block that give `samples_per_insert`.

  Raises:
    ValueError: if the number is not a whole number of at least 1.
  """
  inserted = config.envs_per_task * config.unroll_length
  samples = batch_per_task * config.updates_per_step
  steps = inserted * config.samples_per_insert / samples
  if not (
      math.isfinite(steps)
      and round(steps) >= 1
      and math.isclose(steps, round(steps))
  ):
    raise ValueError(
        f'samples_per_insert={config.samples_per_insert} asks for {steps:g} '
        f'learner steps after a block of {inserted} transitions of each task; '
        f'each step takes {samples} samples of it (batch_size, '
        'updates_per_step). Want a whole number of steps.'
    )
  return round(steps)
