"""PEARL's parts together: from blocks in Reverb to a run."""

from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import experiment
from distillery.agents.core.running import setup
from distillery.agents.pearl import builder
from distillery.environments import fakes
from dm_env import specs
from helpers import small_pearl as small
from helpers.small_pearl import A
from helpers.small_pearl import K
from helpers.small_pearl import T
import numpy as np
import pytest
import reverb


def test_contexts_are_of_the_latest_episodes():
  made = builder.PearlBuilder(small.make_config(), small.SPEC)
  server = reverb.Server(made.make_tables(apart=False), port=None)
  client = reverb.Client(f'localhost:{server.port}')
  insert = builder.PearlBuilder.make_inserter(made.spec, client)
  block = {
      name: np.zeros((K, T, 1, *size), np.float32)
      for name, size in (
          ('observation', (small.D,)),
          ('action', (A,)),
          ('reward', ()),
          ('discount', ()),
          ('next_observation', (small.D,)),
      )
  }
  for behaviour in 3 * ['shared'] + 2 * ['task']:
    insert(behaviour, block)
  info = client.server_info()
  for task in range(K):
    assert info[f'context_{task}'].current_size == 2
    assert info[f'replay_{task}'].current_size == 5
  server.stop()


def test_nothing_is_learned_while_actions_are_random():
  made = builder.PearlBuilder(
      small.make_config(random_steps=30, steps_per_block=7), small.SPEC
  )
  assert made.num_learner_steps(30 * K - 1) == 0
  assert made.num_learner_steps(30 * K) == 7


@pytest.mark.parametrize(
    'changes, spec, words',
    [
        (
            dict(unroll_length=7),
            {},
            'unroll_length=7 is not the length of an episode; want 6',
        ),
        (dict(tasks_per_update=5), {}, 'no more than the 4 tasks'),
        ({}, dict(action_spec=specs.DiscreteArray(3)), 'needs continuous'),
        (
            {},
            dict(
                action_spec=specs.BoundedArray(
                    (A,), np.float32, -np.inf, np.inf
                )
            ),
            'needs continuous',
        ),
        (
            {},
            dict(
                action_spec=specs.BoundedArray(
                    (A,), np.float32, [-1.0, 0.0], [1.0, 0.0]
                )
            ),
            'must have room between',
        ),
    ],
)
def test_conflicting_settings_are_refused(changes, spec, words):
  with pytest.raises(ValueError, match=words):
    builder.PearlBuilder(
        small.make_config(**changes), small.SPEC._replace(**spec)
    )


@pytest.mark.parametrize(
    'changes, words',
    [
        (
            dict(context_size=13),
            'context_size=13 is more than the 12 transitions',
        ),
        (
            dict(episodes_per_step=1001),
            'episodes_per_step=1001 is more than repl',
        ),
        (
            dict(context_episodes=1, context_size=5),
            'less than the 2 episodes that both',
        ),
        (dict(hidden_sizes=()), 'hidden_sizes must have at least one layer'),
        (
            dict(entropy_per_dimension=np.nan),
            'entropy_per_dimension must be fin',
        ),
        (dict(kl_weight=-1.0), 'kl_weight must not be negative'),
        (dict(discount=1.0), 'discount'),
        (dict(latent_size=0), 'latent_size must be positive'),
        (dict(hidden_sizes=()), 'hidden_sizes must have at least one layer'),
        (
            dict(entropy_per_dimension=np.nan),
            'entropy_per_dimension must be fin',
        ),
    ],
)
def test_configs_that_make_no_sense(changes, words):
  with pytest.raises(ValueError, match=words):
    small.make_config(**changes)


def test_a_run_and_its_resumption(tmp_path):
  suite = fakes.point_mass_suite(3, horizon=T)

  def run(num_env_steps, resume):
    return experiment.run_experiment(
        setup.ExperimentConfig(
            agent='pearl',
            agent_config=small.make_config(),
            make_builder=builder.PearlBuilder,
            suite=suite,
            seed=0,
            num_env_steps=num_env_steps,
            num_workers=1,
            evaluate_every=72,
            evaluation_episodes=1,
            checkpoint_every=36,
            run_dir=run_directory.RunDirectory(tmp_path / 'run', resume=resume),
        )
    )

  # A block is two episodes of each of three tasks.
  assert [row['policy'] for row in run(72, False)] == 3 * ['task']
  run(108, True)
  loaded = checkpoints.load_policy(tmp_path / 'run', 'task')
  assert loaded.env_steps == 108
  assert loaded.parameters['posterior'].shape == (3, small.L)
