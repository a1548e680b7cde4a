"""Whole runs: compiled, killed and resumed, and with another policy."""

from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import experiment
from distillery.agents.core.running import setup
from distillery.agents.dnc import builder
from distillery.agents.dnc import config as dnc_config
from distillery.environments import fakes
from distillery.networks.policies import columns
from helpers import small_dnc as small
import numpy as np
import pytest
import tensorflow as tf

# An idle machine needs a tenth of it.
pytestmark = pytest.mark.timeout(900)
K = small.K
HORIZON = 10
# 2 tasks, 2 environments each, 2 episodes.
BLOCK = 2 * 2 * 2 * HORIZON


class Killed(Exception):
  """The exception that ends a run."""


class KilledBuilder(builder.DnCBuilder):
  """DnC that is killed in its eighth step."""

  def make_learner(self, *args, **kwargs):
    learner = super().make_learner(*args, **kwargs)
    step = learner.step

    def step_or_die():
      if learner.num_steps == 7:
        raise Killed
      step()

    learner.step = step_or_die
    return learner


def run(path, config, resume=False, make_builder=builder.DnCBuilder):
  """10 steps, distilled in every fourth, saved in every third."""
  experiment.run_experiment(
      setup.ExperimentConfig(
          agent='dnc',
          agent_config=config,
          make_builder=make_builder,
          suite=fakes.point_mass_suite(2, horizon=HORIZON),
          seed=3,
          num_env_steps=10 * steps_of(config),
          num_workers=1,
          run_dir=run_directory.RunDirectory(path, resume=resume),
          evaluate_every=100 * BLOCK,
          evaluation_episodes=1,
          checkpoint_every=3 * steps_of(config),
      )
  )


def steps_of(config):
  return BLOCK * (2 if config.central_trpo or config.mode == 'release' else 1)


def variables_of(path):
  reader = tf.train.load_checkpoint(str(checkpoints.newest(path) / 'variables'))
  return {
      name: reader.get_tensor(name)
      for name in reader.get_variable_to_shape_map()
      if not name.startswith('_CHECKPOINTABLE')
  }


@pytest.mark.parametrize(
    'changes',
    [
        pytest.param(dict(), id='paper', marks=pytest.mark.slow),
        pytest.param(
            dict(central_trpo=True, baseline='neural'),
            id='central_trpo',
            marks=pytest.mark.slow,
        ),
        pytest.param(
            dict(mode='release'), id='release', marks=pytest.mark.slow
        ),
    ],
)
def test_a_killed_run_ends_as_one_that_was_not(compiled, tmp_path, changes):
  config = dnc_config.DnCConfig(
      envs_per_task=2,
      unroll_length=2 * HORIZON,
      hidden_sizes=(8,),
      value_hidden_sizes=(8,),
      penalty_states=10,
      distillation_period=4,
      distillation_epochs=2,
      distillation_minibatches=2,
      **changes,
  )
  run(tmp_path / 'whole', config)
  with pytest.raises(Killed):
    run(tmp_path / 'broken', config, make_builder=KilledBuilder)
  assert checkpoints.newest(tmp_path / 'broken').name.lstrip('0') == str(
      6 * steps_of(config)
  )
  run(tmp_path / 'broken', config, resume=True)
  wanted, got = (variables_of(tmp_path / name) for name in ('whole', 'broken'))
  assert got.keys() == wanted.keys()
  for name, value in wanted.items():
    np.testing.assert_array_equal(got[name], value, err_msg=name)
  parts = {name.split('/')[0] for name in wanted}
  assert parts >= {'policy', 'critic', 'distillation_optimizer'}, parts


@pytest.mark.parametrize(
    'changes',
    [
        pytest.param(dict(), id='paper', marks=pytest.mark.slow),
        pytest.param(
            dict(mode='release'), id='release', marks=pytest.mark.slow
        ),
        pytest.param(
            dict(variant='centralized'),
            id='centralized',
            marks=pytest.mark.slow,
        ),
    ],
)
def test_compiled(compiled, changes):
  """Twice the same bit for bit, and nearly the same as eagerly."""
  config = small.make_config(
      penalty_states=small.N // 2, distillation_learning_rate=1e-4, **changes
  )

  def train(num_steps):
    return small.copies(small.run(config, num_steps)[0])

  first, again = train(4), train(4)
  assert not small.moved(first, again)
  # Further steps amplify what rounding does to the first, and so does Adam,
  # which makes as much of a small gradient as of a large one.
  first = train(1)
  tf.config.run_functions_eagerly(True)
  for name, arrays in train(1).items():
    for a, b in zip(arrays, first[name]):
      np.testing.assert_allclose(a, b, rtol=1e-2, atol=2e-2)


def two_columns(config, action_spec):
  """Networks in which pi_i is pi_c and a column, as in Distral."""
  networks = small.make_networks(config, action_spec)
  is_discrete = action_spec is small.DISCRETE
  return networks._replace(
      policy=columns.ColumnPolicy(
          K,
          small.D,
          3 if is_discrete else small.A,
          is_discrete=is_discrete,
          architecture='two_column',
          alpha=1.0 if is_discrete else 0.5,
          hidden_sizes=(6,),
          shared_observes_task=True,
          task_observes_task=True,
          pooled_normalizer=True,
          std=columns.StdRange(0.7, 0.01, 1.6),
          min_observation_std=0.01,
          seed=1,
      )
  )


@pytest.mark.slow
@pytest.mark.parametrize(
    'action_spec',
    [small.CONTINUOUS, small.DISCRETE],
    ids=['continuous', 'discrete'],
)
@pytest.mark.parametrize('mode', ['paper', 'release'])
def test_distrals_two_columns_are_accepted(mode, action_spec):
  config = small.make_config(mode=mode, distillation_period=2)
  networks = two_columns(config, action_spec)
  policy = networks.policy
  learner = small.make_learner(config, networks)
  observation = tf.random.stateless_normal([K, 5, small.D], [0, 0])
  for step in range(4):
    before = small.copies(networks)
    learner.step()
    moved = small.moved(before, small.copies(networks))
    is_due = step % 2 == (mode == 'paper')
    if not is_due:
      assert learner.metrics['accepted'] == 1.0
      assert moved == ({'local'} if mode == 'paper' else {'local', 'central'})
      continue
    assert 'central' in moved
    # Fresh columns: pi_i is pi_c, but that a Gaussian one is narrower if pi_c
    # has become wider than it began.
    local, central = policy.task(observation), policy.shared(observation)
    if action_spec is small.DISCRETE:
      assert np.abs(local.kl_divergence(central)).max() < 1e-6
    else:
      assert not policy.acting_variables()['task/w1'].numpy().any()
      assert (local.stddev() < central.stddev() / np.sqrt(0.5)).numpy().all()
