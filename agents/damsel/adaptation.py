"""DAMSEL at test time (algorithm 2), in NumPy."""

import dataclasses
from typing import Dict, Mapping, Optional, Sequence

from distillery.agents.core import adaptation
from distillery.agents.core import specs
from distillery.networks.acting import latent as acting_latent
import numpy as np


class DamselAdapter:
  """Tries every family's component, keeps to the best, and infers from there.

  Trajectory j < F of a task is made from component j. Then k* is the one with
  the greatest return, the first of equals; the context is that trajectory, and
  all that follow; and the latent is what the encoder makes of the context.
  """

  def __init__(
      self,
      policy: acting_latent.LatentPolicy,
      parameters: Mapping[str, np.ndarray],
      num_tasks: int,
  ):
    """Initialises the adapter.

    Args:
      policy: of a run; it acts without noise here.
      parameters: of the learner that it was trained by.
      num_tasks: K, to adapt to.
    """
    self._num_tasks = num_tasks
    self.policy = dataclasses.replace(policy, latents='latents', noise_std=0.0)
    self._parameters = dict(parameters)
    # Of each family once, in the order of the tasks.
    rows = parameters['components']
    _, first = np.unique(rows, axis=0, return_index=True)
    self.components = rows[np.sort(first)]  # [F, L]

  def chosen(self, blocks: Sequence[adaptation.Block]) -> np.ndarray:
    """Index of the component of each task, `[K]`, by the first F blocks."""
    returns = [
        block['reward'].sum(axis=(1, 2))
        for block in blocks[: len(self.components)]
    ]
    return np.argmax(returns, axis=0)

  def latents(self, blocks: Sequence[adaptation.Block]) -> np.ndarray:
    """What the next trajectory of each task is made from, `[K, L]`."""
    adaptation.check_blocks(blocks, self._num_tasks)
    num_families, num_tasks = len(self.components), self._num_tasks
    if len(blocks) < num_families:
      return np.tile(self.components[len(blocks)], [num_tasks, 1])
    chosen = self.chosen(blocks)
    # [F, K, T, X], then the chosen one of each task: [K, T, X].
    features = np.stack([self._features(block) for block in blocks])
    context = [
        features[chosen, np.arange(num_tasks)],
        *features[num_families:],
    ]
    return (
        acting_latent.encode(self._parameters, np.concatenate(context, axis=1))
        .mean(axis=1)
        .astype(np.float32)
    )

  def taken_for(
      self, blocks: Sequence[adaptation.Block]
  ) -> Optional[np.ndarray]:
    """See `core.adaptation.Adapter`: the best component, once all are tried."""
    num_families = len(self.components)
    if num_families == 1 or len(blocks) < num_families:
      return None
    return self.chosen(blocks)

  def parameters(
      self, blocks: Sequence[adaptation.Block]
  ) -> Dict[str, np.ndarray]:
    """See `core.adaptation.Adapter`."""
    return {**self._parameters, 'latents': self.latents(blocks)}

  def _features(self, block: adaptation.Block) -> np.ndarray:
    """`networks.infer`'s, of one trajectory: `[K, T, X]`."""
    parameters = self._parameters
    observation, action, reward, following = (
        block[name][:, :, 0]
        for name in ('observation', 'action', 'reward', 'next_observation')
    )
    change = np.concatenate(
        [following - observation, reward[..., np.newaxis]], axis=-1
    )
    return np.concatenate(
        [
            _standardized(observation, parameters, 'observation'),
            specs.to_unit_box(action, self.policy.low, self.policy.high),
            _standardized(change, parameters, 'change'),
        ],
        axis=-1,
    )


def _standardized(
    x: np.ndarray, parameters: Mapping[str, np.ndarray], name: str
) -> np.ndarray:
  return acting_latent.standardized(
      x,
      parameters[f'{name}_mean'].reshape(-1),
      parameters[f'{name}_inverse_std'].reshape(-1),
  )
