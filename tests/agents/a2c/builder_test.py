"""Tests of the builder of A2C, and of the networks that it starts with."""

import json

from distillery.agents.a2c import builder
from distillery.agents.a2c import config as a2c_config
from distillery.agents.core import specs as core_specs
from distillery.agents.core.run_files import checkpoint_writing
from dm_env import specs
import numpy as np
import pytest
import tensorflow as tf

SPEC = core_specs.AgentSpec(
    2,
    0,
    specs.Array((5,), np.float32),
    specs.BoundedArray((3,), np.float32, -1.0, 1.0),
)


def make_builder(num_tasks=2, **changes):
  return builder.A2CBuilder(
      a2c_config.A2CConfig(hidden_sizes=(6, 4), **changes),
      SPEC._replace(num_tasks=num_tasks),
  )


def write_run(
    run_dir, checkpointables, agent='a2c', tasks=('one', 'two'), **agent_config
):
  run_dir.mkdir()
  (run_dir / 'config.json').write_text(
      json.dumps(
          {
              'agent': agent,
              'agent_config': {
                  'hidden_sizes': [6, 4],
                  'envs_per_task': 16,
                  **agent_config,
              },
              'tasks': [f'{name} (train)' for name in tasks] + ['other (test)'],
          }
      )
  )
  checkpoint_writing.finish(
      checkpoint_writing.begin(
          run_dir,
          100,
          checkpointables,
          {},
          {},
          {'env_steps': 100, 'wall_s': 1.0},
      )
  )
  return str(run_dir)


def weights(module):
  return [variable.numpy() for variable in module.trainable_variables]


@pytest.mark.parametrize('has_value', [True, False])
def test_tuning_begins_with_what_the_run_has_learned(tmp_path, has_value):
  """A run of A2C has values; a distilled student has none."""
  learned = make_builder().make_networks(seed=1)
  for module in (learned.policy, learned.value):
    for variable in module.trainable_variables:
      variable.assign_add(np.ones(variable.shape))
  parts = {
      'policy': learned.policy,
      **({'value': learned.value} if has_value else {}),
  }
  run = (
      write_run(tmp_path / 'run', parts, normalize_rewards=False)
      if has_value
      else write_run(tmp_path / 'run', parts, 'distillation')
  )
  fresh = make_builder().make_networks(seed=2)
  # A student says nothing of rewards.
  changes = {} if has_value else {'normalize_rewards': True, 'envs_per_task': 3}
  made = make_builder(initial_run=run, **changes).make_networks(seed=2)
  assert made.value_is_new != has_value
  want = learned if has_value else fresh
  for module, wanted in (
      (made.policy, learned.policy),
      (made.value, want.value),
  ):
    for value, other in zip(weights(module), weights(wanted)):
      np.testing.assert_array_equal(value, other)


@pytest.mark.parametrize('architecture', ['multi_head', 'separate'])
@pytest.mark.parametrize(
    'num_there,task,num_here', [(3, 'two', 1), (3, 'three', 3), (1, 'one', 2)]
)
def test_all_tasks_begin_with_a_chosen_ones_layers(
    tmp_path, architecture, num_there, task, num_here
):
  """Each task here computes the same as that task of the earlier run."""
  learned = make_builder(num_there, architecture=architecture).make_networks(1)
  rng = np.random.default_rng(0)
  for module in (learned.policy, learned.value):
    for variable in module.variables:
      variable.assign(rng.uniform(0.5, 1.5, variable.shape))
  names = ('one', 'two', 'three')[:num_there]
  run = write_run(
      tmp_path / 'run',
      {'policy': learned.policy, 'value': learned.value},
      tasks=names,
      architecture=architecture,
  )
  made = make_builder(
      num_here, architecture=architecture, initial_run=run, initial_task=task
  ).make_networks(2)
  observation = rng.normal(size=(1, 7, 5)).astype(np.float32)
  place = names.index(task)
  for network in ('policy', 'value'):
    there, here = (
        getattr(of, network) if network == 'value' else of.policy.task
        for of in (learned, made)
    )
    wanted, got = (
        network_of(np.repeat(observation, num_tasks, axis=0))
        for network_of, num_tasks in ((there, num_there), (here, num_here))
    )
    if network == 'policy':
      std = wanted.stddev()[place : place + 1]
      np.testing.assert_allclose(got.stddev(), np.repeat(std, num_here, 0))
      wanted, got = wanted.mean(), got.mean()
    np.testing.assert_allclose(
        got, np.repeat(wanted[place : place + 1], num_here, 0), rtol=1e-5
    )


def test_the_initial_task_must_be_named(tmp_path):
  policy = make_builder().make_networks(seed=1).policy
  run = write_run(tmp_path / 'run', {'policy': policy}, discount=0.99)
  with pytest.raises(
      ValueError,
      match=(
          "'.*run' was trained on 2 tasks, and this run has 1; want initial_task, "
          'one of one, two'
      ),
  ):
    make_builder(1, initial_run=run)
  with pytest.raises(
      ValueError,
      match=("initial_task: got 'other', and '.*run' was trained on one, two"),
  ):
    make_builder(1, initial_run=run, initial_task='other')
  for name, ours, theirs in (
      ('discount', 0.9, '0.99'),
      ('architecture', 'separate', 'multi_head'),
      ('hidden_sizes', (7, 4), r'\(6, 4\)'),
  ):
    got = str(ours).replace('(', r'\(').replace(')', r'\)')
    with pytest.raises(
        ValueError,
        match=(
            f"{name}: got {got}, and '.*run' was trained with {theirs}; want"
        ),
    ):
      builder.A2CBuilder(
          a2c_config.A2CConfig(
              **{'hidden_sizes': (6, 4), 'initial_run': run, name: ours}
          ),
          SPEC,
      )
  with pytest.raises(ValueError, match="initial_task='one' has no effect"):
    make_builder(initial_task='one')


def test_normalized_rewards_keep_the_unit_of_the_values(tmp_path):
  learned = make_builder(normalize_rewards=True).make_networks(seed=1)
  rng = np.random.default_rng(0)
  for _ in range(3):
    learned.reward_scale(
        tf.constant(rng.normal(scale=9.0, size=(2, 4, 16)), tf.float32),
        tf.ones([2, 4, 16], tf.int32),
    )
  run = write_run(
      tmp_path / 'run',
      {
          name: getattr(learned, name)
          for name in ('policy', 'value', 'reward_scale')
      },
      normalize_rewards=True,
      envs_per_task=16,
  )
  made = make_builder(normalize_rewards=True, initial_run=run).make_networks(
      seed=2
  )
  reward, begins = tf.ones([2, 1, 16]), tf.zeros([2, 1, 16], tf.int32)
  divided = made.reward_scale(reward, begins)
  np.testing.assert_array_equal(divided, learned.reward_scale(reward, begins))
  one = make_builder(
      1, normalize_rewards=True, initial_run=run, initial_task='two'
  ).make_networks(seed=2)
  np.testing.assert_array_equal(
      one.reward_scale(reward[1:], begins[1:]), divided[1:]
  )
  with pytest.raises(
      ValueError,
      match=("normalize_rewards: got False, and '.*run' was trained with True"),
  ):
    make_builder(initial_run=run)
  with pytest.raises(
      ValueError,
      match=(
          "envs_per_task: got 8, but '.*run' normalised its rewards over 16 "
          'environments; want 16.$'
      ),
  ):
    make_builder(initial_run=run, normalize_rewards=True, envs_per_task=8)


def test_a_run_of_another_agent_is_refused(tmp_path):
  policy = make_builder().make_networks(seed=1).policy
  run = write_run(tmp_path / 'run', {'policy': policy}, 'sac')
  with pytest.raises(ValueError, match="'.*run' is a run of sac, want one of "):
    make_builder(initial_run=run)


def test_normalized_returns_need_one_actor():
  assert make_builder(normalize_rewards=True).max_actors == 1
  assert make_builder().max_actors is None
