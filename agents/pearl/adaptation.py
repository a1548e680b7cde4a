"""PEARL at test time (Rakelly et al. 2019, algorithm 2), in NumPy."""

import dataclasses
from typing import Dict, Mapping, Sequence

from distillery.agents.core import adaptation
from distillery.agents.core import specs
from distillery.agents.pearl import config as pearl_config
from distillery.networks.acting import latent as acting_latent
from distillery.networks.acting import squashed as acting_squashed
import numpy as np


class PearlAdapter:
  """The first trajectory from the prior, each other from the posterior.

  The context is all trajectories so far; a latent is drawn for each trajectory
  and kept to its end.
  """

  def __init__(
      self,
      policy: acting_squashed.SquashedPolicy,
      parameters: Mapping[str, np.ndarray],
      num_tasks: int,
      *,
      reward_scale: float,
      seed: int,
  ):
    """Initialises the adapter.

    Args:
      policy: of a run; it acts without noise here.
      parameters: of the learner that it was trained by.
      num_tasks: K, to adapt to.
      reward_scale: of the run.
      seed: of the latents.
    """
    self._num_tasks = num_tasks
    self._parameters = dict(parameters)
    self._reward_scale = reward_scale
    self._seed = seed
    self.policy = dataclasses.replace(policy, latents='latents', is_noisy=False)

  def latents(self, blocks: Sequence[adaptation.Block]) -> np.ndarray:
    """See `core.adaptation.Adapter`."""
    adaptation.check_blocks(blocks, self._num_tasks)
    shape = (self._num_tasks, self._parameters['posterior'].shape[-1])
    noise = np.random.default_rng([self._seed, len(blocks)]).standard_normal(
        shape, dtype=np.float32
    )
    if not blocks:
      return noise
    mean, std = self._posterior(
        np.concatenate([self._features(block) for block in blocks], axis=1)
    )
    return (mean + std * noise).astype(np.float32)

  def taken_for(self, blocks: Sequence[adaptation.Block]) -> None:
    """See `core.adaptation.Adapter`; PEARL knows no families."""

  def parameters(
      self, blocks: Sequence[adaptation.Block]
  ) -> Dict[str, np.ndarray]:
    """See `core.adaptation.Adapter`."""
    return {**self._parameters, 'latents': self.latents(blocks)}

  def _features(self, block: adaptation.Block) -> np.ndarray:
    """`networks.infer`'s, of one trajectory: `[K, T, X]`."""
    observation, action, reward = (
        block[name][:, :, 0] for name in ('observation', 'action', 'reward')
    )
    return np.concatenate(
        [
            observation,
            specs.to_unit_box(action, self.policy.low, self.policy.high),
            self._reward_scale * reward[..., np.newaxis],
        ],
        axis=-1,
    )

  def _posterior(self, features: np.ndarray):
    """`[K, N, X]` to mean and standard deviation, `[K, L]`."""
    mean, raw = np.split(
        acting_latent.encode(self._parameters, features), 2, axis=-1
    )
    variance = np.maximum(np.logaddexp(0.0, raw), pearl_config.MIN_VARIANCE)
    precision = (1.0 / variance).sum(axis=1)
    return (mean / variance).sum(axis=1) / precision, 1.0 / np.sqrt(precision)
