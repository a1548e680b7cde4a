"""A launcher's experiment that is run by a script: no flags, all records."""

import dataclasses
import json

from distillery.agents.core.run_files import checkpoints
from distillery.agents.trpo import builder
from distillery.agents.trpo import config as trpo_config
from distillery.environments import suites
from distillery.environments.suites import checking
from distillery.launchers.common import run_options
from distillery.launchers.common import training
from helpers import launches
from helpers import run_helpers
import pytest
import tensorflow as tf

CONFIG = trpo_config.TRPOConfig(
    envs_per_task=1, unroll_length=50, hidden_sizes=(4,)
)


@pytest.fixture(name='options')
def fixture_options(tmp_path, monkeypatch):
  """Returns the options of a run of one block, on two point masses."""
  monkeypatch.setattr(
      suites, 'make_suite', lambda name, **_: run_helpers.make_suite()
  )
  return run_options.RunOptions(
      suite='MT1/reach-v3',
      num_env_steps=100,
      evaluate_every=100,
      evaluation_episodes=1,
      run_dir=str(tmp_path / 'run'),
      num_workers=1,
  )


def run(options, **changes):
  return training.run_experiment(
      'trpo', CONFIG, builder.TRPOBuilder, options, **changes
  )


def make_networks(spec, config, seed):
  """Networks with two hidden layers in the policy, and not one."""
  from distillery.agents.core.trust_region import networks

  made = networks.make_networks(spec, config, 'shared', seed)
  wide = dataclasses.replace(config, hidden_sizes=(7, 6))
  return made._replace(policy=networks.make_policy(spec, wide, 'shared', seed))


def test_a_script_runs_what_a_launcher_does(options, tmp_path, capsys):
  rows = run(options, make_networks=make_networks)
  assert {(row['split'], row['policy']) for row in rows} == {
      ('train', 'shared')
  }
  path = tmp_path / 'run'
  assert capsys.readouterr().out.endswith(f'Results are in {path}\n')
  config, repeated, _ = launches.read_flagfile(
      path / 'flags.cfg', trpo_config.TRPOConfig
  )
  assert (config, repeated) == (CONFIG, options)
  assert json.loads((path / 'config.json').read_text())['agent'] == 'trpo'
  shapes = tf.train.load_checkpoint(
      str(checkpoints.newest(path) / 'variables')
  ).get_variable_to_shape_map()
  assert [1, 7, 6] in shapes.values()


def test_a_script_makes_tasks_of_a_suites(options, tmp_path):
  def only_one(suite):
    return dataclasses.replace(suite, tasks=suite.tasks[:1])

  rows = run(options, change_suite=only_one)
  assert len({row['task'] for row in rows}) == 1

  def refuse(suite):
    raise ValueError(f'no {suite.name}')

  other = dataclasses.replace(options, run_dir=str(tmp_path / 'other'))
  with pytest.raises(ValueError, match='no PointMass2'):
    run(other, change_suite=refuse)
  assert not (tmp_path / 'other').exists()


def test_what_shortens_and_begins_episodes_reaches_the_run(options, tmp_path):
  config = dataclasses.replace(CONFIG, envs_per_task=2, unroll_length=40)
  training.run_experiment(
      'trpo',
      config,
      builder.TRPOBuilder,
      dataclasses.replace(
          options, train_episode_steps=40, random_start_steps=7, film_every=9
      ),
  )
  found = json.loads((tmp_path / 'run' / 'config.json').read_text())
  assert found['train_episode_steps'] == 40
  assert found['random_start_steps'] == 7
  assert found['film_every'] == 9


def test_a_suite_of_the_users_own_is_checked_first(options, tmp_path):
  faulty = dataclasses.replace(options, suite='my_tasks:suite')
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(
        checking, 'check_suite', lambda suite: pytest.fail('It is checked.')
    )
    with pytest.raises(pytest.fail.Exception, match='It is checked.'):
      run(faulty)
  assert not (tmp_path / 'run').exists()
