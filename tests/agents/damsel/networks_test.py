"""Encoder, policy and components; and their twins in NumPy."""

from distillery.agents.core.replay import transitions
from distillery.agents.damsel import adaptation
from distillery.agents.damsel import builder
from distillery.agents.damsel import networks as damsel_networks
from distillery.networks import acting
from distillery.networks.acting import latent as acting_latent
from distillery.networks.layers import conditioned_mlp
from helpers import small_damsel as small
from helpers.small_damsel import A
from helpers.small_damsel import D
from helpers.small_damsel import K
from helpers.small_damsel import L
import numpy as np
import pytest
import tensorflow as tf


def make_rows(num, seed=0):
  rng = np.random.default_rng(seed)
  return transitions.unpack(
      tf.constant(rng.uniform(-1.0, 1.0, (K, num, small.W)), tf.float32),
      small.SPEC,
  )


def test_scales_are_the_experts():
  networks, experts = small.make_networks(), small.make_experts()
  rows = experts.observation.reshape(-1, D)
  np.testing.assert_allclose(
      networks.scales.observation.mean[0, 0], rows.mean(0), atol=1e-5
  )
  np.testing.assert_allclose(
      networks.scales.observation.inverse_std[0, 0],
      1.0 / rows.std(0),
      rtol=1e-4,
  )
  # Nothing that an expert saw is clipped.
  scaled = networks.scales.observation(tf.constant(rows[np.newaxis])).numpy()
  assert np.abs(scaled).max() < 5.0
  change = np.diff(experts.observation, axis=2).reshape(-1, D)
  np.testing.assert_allclose(
      networks.scales.change.inverse_std[0, 0],
      [*(1.0 / change.std(0)), small.make_config().reward_scale],
      rtol=1e-4,
  )
  assert networks.scales.change.mean[0, 0, D] == 0.0


def parameters_of(networks):
  return {
      name: variable.numpy()
      for name, variable in damsel_networks.acting_variables(networks).items()
  }


def test_a_latent_does_not_depend_on_the_order_of_a_context():
  networks, rows = small.make_networks(), make_rows(12)
  order = np.random.default_rng(1).permutation(12)
  shuffled = transitions.Transitions(
      *(tf.gather(part, order, axis=1) for part in rows)
  )
  np.testing.assert_allclose(
      damsel_networks.infer(networks, rows),
      damsel_networks.infer(networks, shuffled),
      rtol=1e-5,
      atol=1e-6,
  )


def test_a_latent_is_the_mean_of_what_single_transitions_say():
  networks, rows = small.make_networks(), make_rows(5)
  single = [
      damsel_networks.infer(
          networks,
          transitions.Transitions(*(part[:, i : i + 1] for part in rows)),
      )
      for i in range(5)
  ]
  np.testing.assert_allclose(
      damsel_networks.infer(networks, rows),
      np.mean(single, axis=0),
      rtol=1e-5,
      atol=1e-6,
  )


@pytest.mark.parametrize('part', transitions.Transitions._fields)
def test_a_latent_depends_on_all_of_a_transition_but_its_discount(part):
  """All of a transition, but whether it terminated."""
  networks, rows = small.make_networks(), make_rows(5)
  changed = rows._replace(**{part: getattr(rows, part) + 0.1})
  differs = (
      np.abs(
          damsel_networks.infer(networks, rows)
          - damsel_networks.infer(networks, changed)
      ).max()
      > 1e-4
  )
  assert differs == (part != 'discount')


def test_a_latent_depends_on_its_own_context_alone():
  networks, rows = small.make_networks(), make_rows(5)
  other = make_rows(5, seed=3)
  mixed = transitions.Transitions(
      *(
          tf.concat([part[:1], more[1:]], axis=0)
          for part, more in zip(rows, other)
      )
  )
  ours, theirs = (damsel_networks.infer(networks, x) for x in (rows, mixed))
  np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6)
  assert np.abs(ours[1:] - theirs[1:]).min() > 1e-5


def test_components_are_as_far_from_each_other_as_from_any():
  rows = builder.components(small.FAMILIES, L, single_prior=False)
  family = np.array(small.FAMILIES)
  for k in range(K):
    for j in range(K):
      distance = np.linalg.norm(rows[k] - rows[j])
      assert distance == pytest.approx(
          0.0 if family[k] == family[j] else np.sqrt(2.0)
      )
  assert not builder.components(small.FAMILIES, L, True).any()


def test_a_condition_of_another_shape_is_refused():
  net = conditioned_mlp.ConditionedMLP(
      2, 3, (4,), 1, output_scale=1.0, seed=0, name='f'
  )
  with pytest.raises(ValueError, match=r'f: condition .*want \[5, 3\]'):
    net(tf.zeros([5, 7, 2]), tf.zeros([4, 3]))


@pytest.mark.parametrize('which', ['components', 'inferred'])
def test_the_acting_policy_equals_the_networks(which):
  networks = small.make_networks()
  networks.latents.inferred.assign(np.random.default_rng(4).normal(size=(K, L)))
  policy = acting.from_json(
      acting_latent.LatentPolicy(
          latents=which,
          num_layers=2,
          noise_std=0.1,
          low=(-1.0, -3.0),
          high=(1.0, 1.0),
      ).to_json()
  )
  observation = (
      np.random.default_rng(5).normal(size=(K, 3, D)).astype(np.float32)
  )
  selected = policy.select_tasks(parameters_of(networks), np.arange(K))
  action = policy.deterministic(selected, observation)
  unit = damsel_networks.act(
      networks, observation, getattr(networks.latents, which)
  ).numpy()
  np.testing.assert_allclose(action[..., 0], unit[..., 0], atol=1e-5)
  np.testing.assert_allclose(
      action[..., 1], 2.0 * unit[..., 1] - 1.0, atol=1e-5
  )
  noise = policy.draw_noise(np.random.default_rng(0), 1, range(3 * K)).reshape(
      K, 3, A
  )
  noisy, log_prob = policy.sample(selected, observation, noise)
  np.testing.assert_allclose(
      noisy, np.clip(action + noise * [0.1, 0.2], [-1.0, -3.0], 1.0), atol=1e-6
  )
  much, _ = policy.sample(selected, observation, 100.0 * noise)
  assert (much >= [-1.0, -3.0]).all() and (much <= 1.0).all()
  assert (np.abs(noisy - action) > 0.01).any()
  np.testing.assert_allclose(
      log_prob, (-0.5 * noise**2 - 0.5 * np.log(2.0 * np.pi)).sum(-1), rtol=1e-5
  )


def test_the_adapter_infers_as_the_networks():
  networks = small.make_networks()
  rng = np.random.default_rng(6)
  block = {
      name: rng.uniform(-1.0, 1.0, (K, 5, 1, *size)).astype(np.float32)
      for name, size in (
          ('observation', (D,)),
          ('action', (A,)),
          ('reward', ()),
          ('next_observation', (D,)),
      )
  }
  policy = acting_latent.LatentPolicy(
      'inferred', 2, 0.1, (-1.0, -3.0), (1.0, 1.0)
  )
  adapter = adaptation.DamselAdapter(policy, parameters_of(networks), K)
  num_families = len(adapter.components)
  # The families' trajectories are one and the same, so it matters not which.
  latents = adapter.latents([block] * num_families)
  low, high = small.ACTION.minimum, small.ACTION.maximum
  rows = transitions.Transitions(
      *(
          tf.constant(block[name][:, :, 0])
          for name in (
              'observation',
              'action',
              'reward',
              'reward',
              'next_observation',
          )
      )
  )
  rows = rows._replace(action=2.0 * (rows.action - low) / (high - low) - 1.0)
  np.testing.assert_allclose(
      latents, damsel_networks.infer(networks, rows), rtol=1e-4, atol=1e-5
  )
