"""A step of the local policies: of which objective, and of whom."""

from distillery.agents.core import errors
from distillery.agents.core.replay import blocks as replay_blocks
from distillery.agents.core.trust_region import (
    networks as trust_region_networks,
)
from distillery.agents.dnc import learning
from distillery.agents.trpo import config as trpo_config
from distillery.agents.trpo import learning as trpo_learning
from distillery.ops.trust_region import families
from distillery.ops.trust_region import step as trust_region
from helpers import gpu_kernels
from helpers import random_blocks
from helpers import small_dnc as small
import numpy as np
import pytest
import tensorflow as tf

# An idle machine needs a tenth of it.
pytestmark = pytest.mark.timeout(900)
K, N, A = small.K, small.N, small.A
# The statistics of the states of all contexts together.
STATISTICS = ('shared/mean', 'shared/inverse_std')
VARIANTS = pytest.mark.parametrize(
    'mode, variant',
    [
        ('paper', 'vanilla'),
        ('paper', 'centralized'),
        ('paper', 'unconstrained'),
        ('release', 'vanilla'),
        ('release', 'centralized'),
    ],
)


class Objective:
  """L_i, written out context by context, for a policy and its first block."""

  def __init__(self, config, networks):
    self.config, self.policy = config, networks.policy
    block = small.make_block(networks.policy)
    self.observation, self.action, self.log_prob = (
        small.rows(block[name])
        for name in ('observation', 'action', 'log_prob')
    )
    self.advantage = networks.critic.estimate(
        random_blocks.block_of(block)
    ).advantage.numpy()
    self.others = self.everywhere()

  def everywhere(self):
    """[j]: all K policies in the states of context j, `[K, N]`, constants."""
    result = []
    for j in range(K):
      mean, std = self.of_states(j)
      result.append(families.Gaussian(mean.numpy(), std.numpy()))
    return result

  def of_states(self, j):
    return families.parameters(
        self.policy.task(
            np.broadcast_to(
                self.observation[j], (K, *self.observation.shape[1:])
            ),
            tf.fill([K, N], j),
        )
    )

  def of_context(self, i):
    """L_i at the present variables, held against `others`."""
    own = self.of_states(i)
    row = lambda x, k: families.Gaussian(x.mean[k], x.std[k])
    ratio = tf.exp(
        self.policy.task(self.observation).log_prob(self.action)[i]
        - self.log_prob[i]
    )
    loss = -tf.reduce_mean(tf.cast(ratio * self.advantage[i], tf.float64))
    if self.config.variant == 'unconstrained':
      return loss
    if self.config.variant == 'centralized':
      central = families.parameters(self.policy.shared(self.observation))
      kls = [
          row(own, i).kl(
              families.Gaussian(*(tf.stop_gradient(x[i]) for x in central))
          )
      ]
    else:
      kls = []
      for j in set(range(K)) - {i}:
        mine, other = row(self.of_states(j), i), row(self.others[j], j)
        kls.extend(
            [row(own, i).kl(row(self.others[i], j)), other.kl(mine)]
            if self.config.mode == 'paper'
            else [0.5 * mine.kl(other), 0.5 * other.kl(mine)]
        )
      kls = [kl / (K - 1) for kl in kls]
    penalty = sum(tf.reduce_mean(tf.cast(kl, tf.float64)) for kl in kls)
    return loss + self.config.penalty * penalty

  def move(self, i):
    """One trust-region step of policy i, as if there were no other to move."""
    config = self.config
    result = trust_region.trust_region_step(
        self.policy.task_variables(),
        num_regions=1,
        policy=lambda: self.policy.task(self.observation)[i : i + 1],
        loss=lambda _: self.of_context(i)[tf.newaxis],
        max_kl=config.max_kl,
        damping=config.damping,
        cg_iterations=config.cg_iterations,
        project=self.policy.project,
        backtrack_ratio=config.backtrack_ratio,
        max_backtracks=config.max_backtracks,
    )
    assert result.accepted.numpy().all()
    return result


@VARIANTS
def test_a_step_is_that_of_each_policy_alone(mode, variant):
  """Its own gradient, trust region and line search; penalty and all."""
  config = small.make_config(mode=mode, variant=variant)
  networks, alone, before = (small.make_networks(config) for _ in range(3))
  learner = small.make_learner(config, networks)
  learner.num_steps = 1  # The release's first ends with a reset.
  learner.step()
  objective, results = Objective(config, alone), []
  for i in range(K):
    if mode == 'release':  # Those before it are where they have moved to.
      objective.others = objective.everywhere()
    results.append(objective.move(i))
  for found, expected, old in zip(
      *(made.policy.task_variables() for made in (networks, alone, before))
  ):
    np.testing.assert_allclose(
        found - old, expected - old, atol=1e-4 * np.abs(expected - old).max()
    )
  for name in ('improvement', 'kl', 'step_norm'):
    expected = [getattr(result, name).numpy().item() for result in results]
    np.testing.assert_allclose(
        learner.metrics[name], np.mean(expected), rtol=1e-4
    )
    if name == 'kl':
      np.testing.assert_allclose(
          learner.metrics['largest_kl'], np.max(expected), rtol=1e-4
      )


def locals_of(config, change=None, spoil=None):
  """Rows of the local policies' variables after a step, `[K, P]`."""
  networks = small.make_networks(config)
  if spoil is not None:
    spoil(networks.policy)
  learner = small.make_learner(config, networks, change)
  learner.num_steps = 1
  learner.step()
  return np.concatenate(
      [x.numpy().reshape(K, -1) for x in networks.policy.task_variables()],
      axis=1,
  )


@pytest.mark.parametrize(
    'mode, moves',
    [
        ('paper', [False, True, False]),
        ('release', [False, True, True]),  # Context 2 sees where policy 1 went.
    ],
)
def test_which_policies_the_returns_of_a_context_move(mode, moves):
  config = small.make_config(mode=mode)

  def change(blocks):
    reward = blocks['task']['reward']
    reward[:, 1] = np.random.default_rng(9).normal(size=reward[:, 1].shape)

  before, after = locals_of(config), locals_of(config, change)
  np.testing.assert_array_equal((before != after).any(axis=1), moves)


@pytest.mark.parametrize(
    'changes, moves',
    [
        (dict(), True),
        (dict(variant='unconstrained'), False),
        (dict(variant='centralized'), False),
    ],
)
def test_the_penalty_pulls_each_policy_to_the_others(changes, moves):
  def spoil(policy):  # The last bias of policy 1 alone.
    policy.acting_variables()['task/b1'].assign_add(
        [[[0.0] * A], [[0.5] * A], [[0.0] * A]]
    )

  def keep(blocks):  # As it was: who acted, and what came of it.
    blocks['task'].update(block)

  config = small.make_config(**changes)
  block = small.make_block(small.make_networks(config).policy)
  before, after = (locals_of(config, keep, f) for f in (None, spoil))
  np.testing.assert_array_equal(
      (before != after).any(axis=1), [moves, True, moves]
  )


def trpo_like(networks, config, i, blocks, action_spec):
  """TRPO that begins as local policy i of DnC (K: as the central policy).

  Args:
    networks: DnC's.
    config: DnC's, of policies that are not told the task.
    i: which policy.
    blocks: to step on.
    action_spec: of all.

  Returns:
    Networks and learner.
  """
  settings = trpo_config.TRPOConfig(
      **{
          name: getattr(config, name)
          for name in trpo_config.TRPOConfig.__dataclass_fields__
      }
  )
  spec = small.make_builder(config, action_spec).spec
  spec = spec._replace(num_tasks=K if i == K else 1)
  made = trust_region_networks.make_networks(spec, settings, 'shared', seed=0)
  own = networks.policy.acting_variables()
  for name, variable in made.policy.acting_variables().items():
    if name.startswith('shared/'):
      part = name if i == K else name.replace('shared', 'task')
      array = own[part] if name in STATISTICS or i == K else own[part][i]
      variable.assign(tf.reshape(array, variable.shape))
  return made, trpo_learning.TRPOLearner(
      settings, made, 0, checkpointables={}, iterator=blocks
  )


@pytest.mark.parametrize(
    'action_spec',
    [small.CONTINUOUS, small.DISCRETE],
    ids=['continuous', 'discrete'],
)
def test_without_a_penalty_it_is_trpo_of_each_alone(action_spec):
  """Also the centre, on its own blocks."""
  with pytest.warns(UserWarning, match='unconstrained'):
    config = small.make_config(
        penalty=0.0,
        central_trpo=True,
        observes_task=False,
        distillation_period=100,
    )
  networks = small.make_networks(config, action_spec)
  taken = []
  learner = learning.DnCLearner(
      config,
      networks,
      0,
      iterator=(
          taken.append(blocks) or blocks
          for blocks in small.fresh_blocks(networks, ('task', 'shared'))
      ),
  )

  def blocks_of(i):
    while True:
      if i == K:
        yield taken[-1]['shared']
      else:
        *arrays, _ = taken[-1]['task']
        yield replay_blocks.Block(*(array[i : i + 1] for array in arrays))

  singles = [
      trpo_like(networks, config, i, blocks_of(i), action_spec)
      for i in range(K + 1)
  ]
  policy = networks.policy
  for _ in range(3):
    learner.step()
    for i, (made, trpo) in enumerate(singles):
      trpo.step()
      assert trpo.metrics['accepted'] == 1.0
      for found, expected in zip(
          made.policy.shared_variables(),
          policy.shared_variables() if i == K else policy.task_variables(),
      ):
        expected = expected if i == K else expected[i]
        # A product of K matrices may round otherwise than one of a matrix, and
        # conjugate gradients make more of it.
        np.testing.assert_allclose(
            found, tf.reshape(expected, found.shape), atol=1e-4
        )
      # Observations are standardised by what all contexts saw.
      for name in STATISTICS:
        made.policy.acting_variables()[name].assign(
            policy.acting_variables()[name]
        )


def test_the_centre_of_the_release_takes_the_same_step():
  """Before it is cloned from the local policies."""
  steps = []
  for changes in (
      dict(mode='release', distillation_learning_rate=1e-30),
      dict(central_trpo=True),
  ):
    config = small.make_config(**changes)
    networks = small.make_networks(config)
    before = small.copies(networks)
    learner = small.make_learner(config, networks)
    learner.num_steps = 1
    learner.step()
    steps.append({'central': small.copies(networks)['central']})
    assert 'central' in small.moved(before, small.copies(networks))
    assert 0.0 < learner.metrics['central_kl'] <= config.max_kl
  assert not small.moved(*steps)


@pytest.mark.parametrize('mode', ['paper', 'release'])
@pytest.mark.parametrize(
    'name, field, sentence',
    [
        ('task', 'reward', 'not finite in learner step 0: loss of region 1'),
        (
            'shared',
            'reward',
            'central policy: not finite in learner step 0: loss of region 0',
        ),
    ],
)
def test_nan_is_an_error_that_names_its_origin(name, field, sentence, mode):
  def change(blocks):
    blocks[name][field][2, 1, 0] = np.nan

  config = small.make_config(mode=mode, central_trpo=True)
  with pytest.raises(errors.NonFiniteError, match=f'^{sentence}; more damping'):
    small.run(config, change=change)


@pytest.mark.slow
def test_identical_contexts_stay_together():
  """Within 1e-3 nats, where the noise of their samples parts them otherwise.

  Not nearer than the size of a trust region: as all step at once, two that are
  apart step past each other.
  """

  def change(blocks):
    block = blocks['task']
    block['reward'] = -np.square(
        block['action'] - block['observation'][..., :A]
    ).sum(axis=-1)

  def distance(**changes):
    config = small.make_config(
        observes_task=False, max_kl=2e-4, distillation_period=100, **changes
    )
    networks = small.make_builder(config, num_tasks=2).make_networks(0)
    networks.policy.reset_tasks()
    learner = learning.DnCLearner(
        config,
        networks,
        0,
        iterator=(small.fresh_blocks(networks, ('task',), change, spread=0.0)),
    )
    for _ in range(12):
      learner.step()
      assert learner.metrics['accepted'] > 0.0
    states = np.random.default_rng(1).normal(size=(1, 100, small.D))
    mean, std = small.parameters(
        networks.policy.task(tf.constant(states.repeat(2, axis=0), tf.float32))
    )
    one, other = zip(mean, std)
    return max(small.kl(one, other).mean(), small.kl(other, one).mean())

  together, apart = distance(penalty=100.0), distance(variant='unconstrained')
  assert together < 1e-3 and apart > 2e-3, (together, apart)


@pytest.mark.slow
def test_a_gpu_can_compute_every_operation(compiled):
  _, learner = small.run(small.make_config())
  assert not gpu_kernels.missing(learner)
