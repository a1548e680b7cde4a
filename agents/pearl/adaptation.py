"""The adaptation of PEARL at test time, in NumPy.

Rakelly et al. 2019, algorithm 2.
"""

import dataclasses
from typing import Dict, Mapping, Sequence, Tuple

from distillery.agents.core import adaptation
from distillery.agents.core import specs
from distillery.agents.pearl import config as pearl_config
from distillery.networks.acting import latent as acting_latent
from distillery.networks.acting import squashed as acting_squashed
import numpy as np


class PearlAdapter:
  """The adapter that draws each latent from the posterior given its context.

  The first latent is drawn from the prior. The context is all trajectories so
  far. A latent is drawn for each trajectory and kept until its end.
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
      policy: the policy of a trained run; it acts without noise here.
      parameters: the parameters of that policy and of the encoder, by name,
        as the learner served them.
      num_tasks: K, the number of tasks to adapt to.
      reward_scale: the factor on rewards that the run was trained with.
      seed: the seed of the latents.
    """
    self._num_tasks = num_tasks
    self._parameters = dict(parameters)
    self._reward_scale = reward_scale
    self._seed = seed
    self.policy = dataclasses.replace(policy, latents='latents', is_noisy=False)

  def latents(self, blocks: Sequence[adaptation.Block]) -> np.ndarray:
    """Draws the latent of each task's next trajectory, float32 `[K, L]`.

    The same trajectories give the same latents.

    Raises:
      ValueError: if a trajectory is of other tasks or of several environments.
    """
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

  def inferred_families(self, blocks: Sequence[adaptation.Block]) -> None:
    """Returns None, as PEARL knows no families."""

  def parameters(
      self, blocks: Sequence[adaptation.Block]
  ) -> Dict[str, np.ndarray]:
    """Returns the policy's parameters for the next trajectory of each task."""
    return {**self._parameters, 'latents': self.latents(blocks)}

  def _features(self, block: adaptation.Block) -> np.ndarray:
    """Returns the encoder's inputs of one trajectory, `[K, T, X]`.

    They are the same as in `networks.infer`.
    """
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

  def _posterior(self, features: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Computes the posterior given features `[K, N, X]`.

    Returns:
      Its mean and its standard deviation, each `[K, L]`.
    """
    mean, raw = np.split(
        acting_latent.encode(self._parameters, features), 2, axis=-1
    )
    variance = np.maximum(np.logaddexp(0.0, raw), pearl_config.MIN_VARIANCE)
    precision = (1.0 / variance).sum(axis=1)
    return (mean / variance).sum(axis=1) / precision, 1.0 / np.sqrt(precision)
