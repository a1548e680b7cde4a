"""Defines the builder of DAMSEL; see `core.builders` on its imports."""

from __future__ import annotations

import typing
from typing import List, Sequence

from distillery.agents.core import specs
from distillery.agents.core.replay import builders
from distillery.agents.damsel import config as damsel_config
from distillery.agents.damsel import experts as damsel_experts
import numpy as np

if typing.TYPE_CHECKING:
  from acme.utils import counting
  from distillery.agents.damsel import learning
  from distillery.agents.damsel import networks as damsel_networks
  from distillery.networks.acting import latent as acting_latent
  import reverb


class DamselBuilder(builders.EpisodicBuilder):
  """The builder of DAMSEL.

  The policy 'shared' acts from the component of a task's family, and 'task'
  from the latent that was inferred for the task.
  """

  def __init__(self, config: damsel_config.DamselConfig, spec: specs.AgentSpec):
    """Reads the experts.

    Args:
      config: the agent's config.
      spec: the description of the tasks.

    Raises:
      ValueError: if the config does not fit the tasks or the experts.
    """
    specs.check_bounded('DAMSEL', spec.action_spec)
    self.components = components(
        spec.families, config.latent_size, config.single_prior
    )
    super().__init__(config, spec)
    self._experts = damsel_experts.read(config.experts)
    got = (self._experts.observation.shape, self._experts.action.shape)
    lead = (spec.num_tasks, got[0][1], config.unroll_length)
    want = (
        (*lead, *spec.observation_spec.shape),
        (*lead, *spec.action_spec.shape),
    )
    if got != want:
      raise ValueError(
          f'the experts in {config.experts} have observations and actions of '
          f'the shapes {got}, want {want}.'
      )

  def make_tables(self, *, apart: bool) -> List[reverb.Table]:
    from distillery.agents.core.replay import episodes
    from distillery.agents.core.replay import transitions

    config = self.config
    context = episodes.Kind(
        'context', transitions.width(self.spec), config.context_episodes
    )
    if apart:
      context = context._replace(
          make_rate_limiter=episodes.keep_ratio(
              samples=config.episodes_per_step,
              steps=config.steps_per_block,
              inserts=len(self.behaviours) * config.envs_per_task,
          )
      )
    return episodes.make_tables(
        self.spec.num_tasks,
        config.unroll_length,
        [
            context,
            episodes.Kind(
                'expert',
                _expert_rows(self._experts).shape[-1],
                self._experts.observation.shape[1],
            ),
        ],
    )

  def num_learner_steps(self, env_steps: int) -> int:
    return self.config.steps_per_block

  def make_networks(self, seed: int) -> damsel_networks.DamselNetworks:
    from distillery.agents.damsel import networks

    return networks.make_networks(
        self.spec, self.config, self.components, self._experts, seed
    )

  def make_policy(
      self, networks: damsel_networks.DamselNetworks, which: str
  ) -> acting_latent.LatentPolicy:
    from distillery.networks.acting import latent as acting_latent

    low, high = specs.action_bounds(self.spec.action_spec)
    return acting_latent.LatentPolicy(
        latents={'shared': 'components', 'task': 'inferred'}[which],
        num_layers=len(self.config.policy_hidden_sizes) + 1,
        noise_std=self.config.noise_std,
        low=low,
        high=high,
    )

  def make_learner(
      self,
      networks: damsel_networks.DamselNetworks,
      client: reverb.Client,
      counter: counting.Counter,
      seed: int,
  ) -> learning.DamselLearner:
    from distillery.agents.core.replay import episodes
    from distillery.agents.damsel import learning
    # A resumed run has them already, unless it was killed while they were
    # inserted.
    if not episodes.is_full(client, 'expert', self.spec.num_tasks):
      episodes.insert(client, 'expert', _expert_rows(self._experts))
    num_episodes = self.config.episodes_per_step
    return learning.DamselLearner(
        self.config,
        networks,
        self.spec,
        seed,
        counter=counter,
        iterator=episodes.make_iterator(
            client.server_address,
            num_tasks=self.spec.num_tasks,
            num_episodes={'context': num_episodes, 'expert': num_episodes},
        ),
    )


def components(
    families: Sequence[str], latent_size: int, single_prior: bool
) -> np.ndarray:
  """Returns the component f of each task's family.

  Args:
    families: the family of each task, K names.
    latent_size: L, the size of a latent.
    single_prior: whether all families share the component 0.

  Returns:
    The components, float32 `[K, L]`: a unit vector for each family, or 0.

  Raises:
    ValueError: if a task has no family, or there are more families than
      entries of a latent.
  """
  if not all(families):
    raise ValueError(
        f'task {list(families).index("")} has no family; want one for each '
        'task.'
    )
  known = list(dict.fromkeys(families))
  if single_prior:
    return np.zeros((len(families), latent_size), np.float32)
  if len(known) > latent_size:
    raise ValueError(
        f'latent_size={latent_size} is too small for the '
        f'{len(known)} families {known}.'
    )
  return np.eye(latent_size, dtype=np.float32)[
      [known.index(family) for family in families]
  ]


def _expert_rows(experts: damsel_experts.Experts) -> np.ndarray:
  """Returns observations and actions as rows, `[K, E, T, D + A]`."""
  return np.concatenate([experts.observation, experts.action], axis=-1)
