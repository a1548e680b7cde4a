"""Tests of the family that is inferred for a task, and of its context."""

from distillery.agents.damsel import adaptation as damsel_adaptation
from distillery.networks.acting import latent as acting_latent
import numpy as np
import pytest

K, T, F = 4, 3, 3
COMPONENTS = np.eye(F, 5, dtype=np.float32)


def make_adapter(num_tasks=K, components=COMPONENTS[[2, 2, 0, 1, 0]]):
  """An encoder that gives back the reward, in every entry."""
  weights = np.zeros((1, 2 + 1 + 2 + 1, 5), np.float32)
  weights[0, -1] = 1.0
  parameters = {
      'components': components,
      'encoder/w0': weights,
      'encoder/b0': np.zeros((1, 1, 5), np.float32),
      'observation_mean': np.zeros((1, 1, 2), np.float32),
      'observation_inverse_std': np.ones((1, 1, 2), np.float32),
      'change_mean': np.zeros((1, 1, 3), np.float32),
      'change_inverse_std': np.ones((1, 1, 3), np.float32),
  }
  policy = acting_latent.LatentPolicy('inferred', 1, 0.1, (-1.0,), (1.0,))
  return damsel_adaptation.DamselAdapter(policy, parameters, num_tasks)


def block(*rewards):
  """A trajectory of each task, with the same reward in every step."""
  reward = np.repeat(np.float32(rewards), T).reshape(-1, T, 1)
  zeros = np.zeros((len(rewards), T, 1, 2), np.float32)
  return {
      'observation': zeros,
      'next_observation': zeros,
      'action': zeros[..., :1],
      'reward': reward,
  }


def test_every_component_is_tried_first():
  adapter = make_adapter()
  np.testing.assert_array_equal(adapter.components, COMPONENTS[[2, 0, 1]])
  blocks = []
  for component in COMPONENTS[[2, 0, 1]]:
    np.testing.assert_array_equal(
        adapter.latents(blocks), np.tile(component, [K, 1])
    )
    blocks.append(block(*[0.0] * K))


def test_the_best_is_chosen_and_of_equals_the_first():
  blocks = [
      block(1.0, 0.0, -2.0, 1.0),
      block(0.0, 3.0, -1.0, 1.0),
      block(0.5, 2.0, -1.5, 0.0),
  ]
  np.testing.assert_array_equal(make_adapter().chosen(blocks), [0, 1, 1, 0])
  # Later trajectories do not count.
  later = blocks + [block(0.0, 0.0, 0.0, 9.0)]
  np.testing.assert_array_equal(make_adapter().chosen(later), [0, 1, 1, 0])


def test_the_context_is_the_chosen_trajectory_and_all_that_follow():
  blocks = [
      block(1.0, 0.0, -2.0, 1.0),
      block(0.0, 3.0, -1.0, 1.0),
      block(0.5, 2.0, -1.5, 0.0),
  ]
  adapter = make_adapter()
  np.testing.assert_allclose(
      adapter.latents(blocks)[:, 0], [1.0, 3.0, -1.0, 1.0]
  )
  blocks.append(block(2.0, 2.0, 2.0, 2.0))
  np.testing.assert_allclose(
      adapter.latents(blocks)[:, 0], [1.5, 2.5, 0.5, 1.5]
  )
  blocks.append(block(0.0, 1.0, 2.0, 3.0))
  np.testing.assert_allclose(
      adapter.latents(blocks)[:, 0], [1.0, 2.0, 1.0, 2.0]
  )


def test_a_family_is_inferred_once_all_are_tried():
  blocks = [
      block(1.0, 0.0, -2.0, 1.0),
      block(0.0, 3.0, -1.0, 1.0),
      block(0.5, 2.0, -1.5, 0.0),
  ]
  adapter = make_adapter()
  assert [adapter.inferred_families(blocks[:i]) for i in range(3)] == [None] * 3
  np.testing.assert_array_equal(adapter.inferred_families(blocks), [0, 1, 1, 0])


def test_one_prior_is_one_component():
  adapter = make_adapter(components=np.zeros((6, 5), np.float32))
  assert len(adapter.components) == 1
  np.testing.assert_array_equal(adapter.latents([]), np.zeros((K, 5)))
  np.testing.assert_allclose(
      adapter.latents([block(1.0, 2.0, 3.0, 4.0)])[:, 0], [1.0, 2.0, 3.0, 4.0]
  )


def test_it_acts_without_noise_by_its_own_latents():
  adapter = make_adapter()
  assert adapter.policy.noise_std == 0.0
  parameters = adapter.parameters([])
  assert parameters[adapter.policy.latents].shape == (K, 5)


def test_trajectories_of_other_tasks_are_refused():
  adapter = make_adapter(num_tasks=3)
  with pytest.raises(
      ValueError,
      match=(
          r'^blocks: number 0 has rewards of shape \(4, 3, 1\), want \[3, T, 1\]'
      ),
  ):
    adapter.latents([block(1.0, 2.0, 3.0, 4.0)])
