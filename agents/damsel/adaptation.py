"""The adaptation of DAMSEL at test time (algorithm 2), in NumPy."""

import dataclasses
from typing import Dict, Mapping, Optional, Sequence

from distillery.agents.core import adaptation
from distillery.agents.core import specs
from distillery.networks.acting import latent as acting_latent
import numpy as np


class DamselAdapter:
  """The adapter that tries every family's component and then infers latents.

  With F families, the latent of trajectory j < F of a task is component j. Then
  the component with the greatest return is chosen, the first one if several are
  equal. The context is the trajectory of that component and all trajectories
  after the first F. From then on the latent is what the encoder infers from the
  context.
  """

  def __init__(
      self,
      policy: acting_latent.LatentPolicy,
      parameters: Mapping[str, np.ndarray],
      num_tasks: int,
  ):
    """Initialises the adapter.

    Args:
      policy: the policy of a trained run; it acts without noise here.
      parameters: the parameters of that policy and of the encoder, by name,
        as the learner served them.
      num_tasks: K, the number of tasks to adapt to.
    """
    self._num_tasks = num_tasks
    self.policy = dataclasses.replace(policy, latents='latents', noise_std=0.0)
    self._parameters = dict(parameters)
    # The component of each family once, in the order of the tasks.
    rows = parameters['components']
    _, first = np.unique(rows, axis=0, return_index=True)
    self.components = rows[np.sort(first)]  # [F, L]

  def chosen(self, blocks: Sequence[adaptation.Block]) -> np.ndarray:
    """Returns the index of each task's best component, `[K]`.

    It needs the first F trajectories.
    """
    returns = [
        block['reward'].sum(axis=(1, 2))
        for block in blocks[: len(self.components)]
    ]
    return np.argmax(returns, axis=0)

  def latents(self, blocks: Sequence[adaptation.Block]) -> np.ndarray:
    """Returns the latent of each task's next trajectory, float32 `[K, L]`.

    Raises:
      ValueError: if a trajectory is of other tasks or of several environments.
    """
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

  def inferred_families(
      self, blocks: Sequence[adaptation.Block]
  ) -> Optional[np.ndarray]:
    """Returns the index of each task's best component, `[K]`.

    It is None until all components have been tried, and if there is only one.
    """
    num_families = len(self.components)
    if num_families == 1 or len(blocks) < num_families:
      return None
    return self.chosen(blocks)

  def parameters(
      self, blocks: Sequence[adaptation.Block]
  ) -> Dict[str, np.ndarray]:
    """Returns the policy's parameters for the next trajectory of each task."""
    return {**self._parameters, 'latents': self.latents(blocks)}

  def _features(self, block: adaptation.Block) -> np.ndarray:
    """Returns the encoder's inputs of one trajectory, `[K, T, X]`.

    They are the same as in `networks.infer`.
    """
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
