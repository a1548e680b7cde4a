"""PEARL's latents at test time, against those of its learner's networks."""

import dataclasses

from distillery.agents.core.replay import transitions
from distillery.agents.pearl import adaptation
from distillery.agents.pearl import builder
from distillery.agents.pearl import networks as pearl_networks
from helpers import small_pearl as small
from helpers.small_pearl import A
from helpers.small_pearl import D
from helpers.small_pearl import K
from helpers.small_pearl import L
from helpers.small_pearl import T
import numpy as np
import pytest
import tensorflow as tf


def make_blocks(num):
  rng = np.random.default_rng(3)
  low, high = small.ACTION.minimum, small.ACTION.maximum
  return [
      {
          'observation': rng.normal(size=(K, T, 1, D)).astype(np.float32),
          'action': rng.uniform(low, high, (K, T, 1, A)).astype(np.float32),
          'reward': rng.normal(size=(K, T, 1)).astype(np.float32),
          'discount': np.ones((K, T, 1), np.float32),
          'next_observation': rng.normal(size=(K, T, 1, D)).astype(np.float32),
      }
      for _ in range(num)
  ]


def make_adapter(networks, config, seed=0):
  parameters = {
      name: variable.numpy()
      for name, variable in pearl_networks.acting_variables(networks).items()
  }
  policy = builder.PearlBuilder(config, small.SPEC).make_policy(
      networks, 'task'
  )
  return adaptation.PearlAdapter(
      policy, parameters, K, reward_scale=config.reward_scale, seed=seed
  )


def test_the_first_latents_are_of_the_prior():
  config = small.make_config()
  networks = small.make_networks(config)
  drawn = np.concatenate(
      [make_adapter(networks, config, seed).latents([]) for seed in range(100)]
  )
  assert drawn.shape == (100 * K, L)
  np.testing.assert_allclose(drawn.mean(0), 0.0, atol=0.25)
  np.testing.assert_allclose(drawn.std(0), 1.0, atol=0.2)


def test_the_others_are_of_the_posterior_of_all_trajectories():
  config = small.make_config()
  networks = small.make_networks(config)
  blocks = make_blocks(3)
  rows = np.concatenate(
      [transitions.pack_episodes(block)[:, 0] for block in blocks], axis=1
  )
  batch = transitions.unpack(tf.constant(rows), small.SPEC)
  low, high = small.ACTION.minimum, small.ACTION.maximum
  want = pearl_networks.infer(
      networks,
      batch._replace(
          action=tf.cast(
              2.0 * (batch.action - low) / (high - low) - 1.0, tf.float32
          ),
          reward=config.reward_scale * batch.reward,
      ),
  )
  drawn = np.array(
      [
          make_adapter(networks, config, seed).latents(blocks)
          for seed in range(300)
      ]
  )
  np.testing.assert_allclose(
      drawn.mean(0), want.mean, atol=5.0 * want.std.numpy().max() / 300**0.5
  )
  np.testing.assert_allclose(drawn.std(0), want.std, rtol=0.25)


def test_the_policy_acts_by_the_latents_as_the_network_does():
  config = small.make_config()
  networks = small.make_networks(config)
  networks.policy.start()
  adapter, blocks = make_adapter(networks, config), make_blocks(1)
  latents = adapter.latents(blocks)
  tasks = np.array([2, 0, 3])
  selected = adapter.policy.select_tasks(adapter.parameters(blocks), tasks)
  rng = np.random.default_rng(4)
  observation = rng.normal(size=(len(tasks), 5, D)).astype(np.float32)
  noise = rng.normal(size=(len(tasks), 5, A)).astype(np.float32)
  want = networks.policy.sample(
      pearl_networks.with_latent(
          tf.constant(observation), tf.constant(latents[tasks])
      ),
      tf.constant(noise),
  )
  action, log_prob = dataclasses.replace(adapter.policy, is_noisy=True).sample(
      selected, observation, noise
  )
  low, high = small.ACTION.minimum, small.ACTION.maximum
  np.testing.assert_allclose(
      action, low + 0.5 * (high - low) * (want.action + 1.0), atol=1e-5
  )
  np.testing.assert_allclose(log_prob, want.log_prob, rtol=1e-4, atol=1e-4)
  # The adapter's own is its mean, whatever the noise.
  np.testing.assert_array_equal(
      adapter.policy.sample(selected, observation, noise)[0],
      adapter.policy.deterministic(selected, observation),
  )


def test_trajectories_of_other_tasks_are_refused():
  config = small.make_config()
  adapter = make_adapter(small.make_networks(config), config)
  good, bad = make_blocks(2)
  for change in (lambda x: x[:1], lambda x: np.repeat(x, 2, axis=2)):
    changed = {name: change(value) for name, value in bad.items()}
    with pytest.raises(
        ValueError,
        match=(r'^blocks: number 1 has rewards of shape .*, want \[4, T, 1\]'),
    ):
      adapter.latents([good, changed])
