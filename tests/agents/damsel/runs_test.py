"""DAMSEL's parts together: from experts in Reverb to a run."""

import json

from acme.utils import counting
from distillery.agents.core.replay import episodes
from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import experiment
from distillery.agents.core.running import setup
from distillery.agents.damsel import builder
from distillery.agents.damsel import experts as damsel_experts
from dm_env import specs
from helpers import small_damsel as small
from helpers.small_damsel import A
from helpers.small_damsel import D
from helpers.small_damsel import K
from helpers.small_damsel import T
import numpy as np
import pytest
import reverb


@pytest.fixture(name='folder')
def fixture_folder(tmp_path):
  damsel_experts.write(str(tmp_path / 'experts'), small.make_experts())
  return str(tmp_path / 'experts')


def test_episodes_come_back_as_they_went_in(folder):
  made = builder.DamselBuilder(small.make_config(experts=folder), small.SPEC)
  server = reverb.Server(made.make_tables(apart=False), port=None)
  client = reverb.Client(f'localhost:{server.port}')
  experts = small.make_experts()
  for _ in range(2):  # The second time they are there.
    made.make_learner(made.make_networks(0), client, counting.Counter(), 0)
  assert client.server_info()['expert_0'].current_size == 2
  insert = builder.DamselBuilder.make_inserter(made.spec, client)
  rng = np.random.default_rng(1)
  blocks = [
      {
          name: rng.normal(size=(K, T, 1, *size)).astype(np.float32)
          for name, size in (
              ('observation', (D,)),
              ('action', (A,)),
              ('reward', ()),
              ('discount', ()),
              ('next_observation', (D,)),
          )
      }
      for _ in range(4)
  ]
  for block in blocks:
    insert('task', block)
  # The table keeps the latest three of the four.
  assert client.server_info()['context_5'].current_size == 3
  iterator = episodes.make_iterator(
      client.server_address,
      num_tasks=K,
      num_episodes={'context': 2, 'expert': 2},
  )
  want = [
      np.concatenate(
          [
              block['observation'],
              block['action'],
              block['reward'][..., np.newaxis],
              block['discount'][..., np.newaxis],
              block['next_observation'],
          ],
          axis=-1,
      )[:, :, 0]
      for block in blocks
  ]
  for _ in range(5):
    batch = next(iterator)
    assert batch['context'].shape == (K, 2, T, small.W)
    for k in range(K):
      for episode in batch['context'][k].numpy():
        assert any((episode == rows[k]).all() for rows in want[1:])
      for episode in batch['expert'][k].numpy():
        assert any(
            (episode[:, :D] == experts.observation[k, e]).all()
            and (episode[:, D:] == experts.action[k, e]).all()
            for e in range(2)
        )
  server.stop()


@pytest.mark.parametrize(
    'changes, spec, words',
    [
        (
            dict(unroll_length=7),
            {},
            'unroll_length=7 is not the length of an episode; want 6',
        ),
        (dict(tasks_per_update=7), {}, 'no more than the 6 tasks'),
        ({}, dict(families=('a', '', *'abbb')), 'task 1 has no family'),
        ({}, dict(families=tuple('abcdef')), 'latent_size=4 is too small for'),
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
        (dict(experts='nowhere'), {}, "experts: found none in 'nowhere'"),
        (
            {},
            dict(num_tasks=5),
            r'the experts in .* have .* shapes .* want \(\(5, 2',
        ),
        ({}, dict(action_spec=small.SPEC.observation_spec), 'needs continuous'),
    ],
)
def test_conflicting_settings_are_refused(folder, changes, spec, words):
  config = small.make_config(**{'experts': folder, **changes})
  with pytest.raises(ValueError, match=words):
    builder.DamselBuilder(config, small.SPEC._replace(**spec))


@pytest.mark.parametrize(
    'changes, words',
    [
        (
            dict(context_size=13),
            'context_size=13 is more than the 12 transitions',
        ),
        (
            dict(episodes_per_step=4),
            'episodes_per_step=4 is more than context_ep',
        ),
        (
            dict(envs_per_task=2),
            'context_episodes=3 is less than the 4 episodes',
        ),
        (dict(component_weight=-1.0), 'component_weight must not be negative'),
        (dict(prior_share=1.5), r'prior_share must be in \[0, 1\]'),
        (dict(latent_size=0), 'latent_size must be positive'),
    ],
)
def test_configs_that_make_no_sense(changes, words):
  with pytest.raises(ValueError, match=words):
    small.make_config(**changes)


def test_a_run_and_its_resumption(tmp_path):
  suite = small.make_suite()
  experts, _ = small.collect(suite)
  damsel_experts.write(str(tmp_path / 'experts'), experts)
  config = small.make_config(
      experts=str(tmp_path / 'experts'),
      unroll_length=150,
      context_size=100,
      steps_per_block=2,
      episodes_per_step=1,
      tasks_per_update=3,
  )

  def run(num_env_steps, resume):
    return experiment.run_experiment(
        setup.ExperimentConfig(
            agent='damsel',
            agent_config=config,
            make_builder=builder.DamselBuilder,
            suite=suite,
            seed=0,
            num_env_steps=num_env_steps,
            num_workers=1,
            evaluate_every=1800,
            evaluation_episodes=1,
            checkpoint_every=900,
            run_dir=run_directory.RunDirectory(tmp_path / 'run', resume=resume),
        )
    )

  # A block is two episodes of each of three tasks.
  rows = run(1800, False)
  assert [(row['policy'], row['task']) for row in rows] == [
      ('task', 'push-04'),
      ('task', 'door-04'),
      ('task', 'drawer-04'),
  ]
  rows = run(2700, True)
  loaded = checkpoints.load_policy(tmp_path / 'run', 'task')
  assert loaded.env_steps == 2700
  assert loaded.parameters['inferred'].shape == (3, small.L)
  config_json = json.loads((tmp_path / 'run' / 'config.json').read_text())
  assert config_json['agent_config']['experts'] == config.experts
