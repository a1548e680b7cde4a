"""Agents as programs, on threads: what they leave, and that they go on."""

import contextlib
import csv
import dataclasses
import json
import re
import shutil
import threading

from acme.utils import counting
from distillery.agents.core import evaluation
from distillery.agents.core.run_files import checkpoint_writing
from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import experiment
from distillery.agents.core.running import program
from distillery.agents.core.running import setup
from distillery.agents.distral import builder as distral_builder
from distillery.agents.pearl import builder as pearl_builder
from distillery.agents.pearl import config as pearl_config
from distillery.agents.sac import builder as sac_builder
from distillery.agents.sac import config as sac_config
from distillery.distributed import supervisor
from distillery.environments import base
from distillery.environments import fakes
from helpers import run_helpers
import numpy as np
import pytest
import reverb
import tensorflow as tf

pytestmark = pytest.mark.timeout(600)
BLOCK = 2 * 2 * 32
SAC = sac_config.SACConfig(
    unroll_length=10,
    random_steps=30,
    batch_size=16,
    samples_per_insert=8.0,
    updates_per_step=2,
    hidden_sizes=(8,),
    critic_hidden_sizes=(8,),
)
PEARL = pearl_config.PearlConfig(
    envs_per_task=1,
    unroll_length=10,
    hidden_sizes=(8,),
    critic_hidden_sizes=(8,),
    encoder_hidden_sizes=(8,),
    tasks_per_update=2,
    batch_size=8,
    context_size=8,
    random_steps=20,
    replay_episodes=20,
    context_episodes=2,
    episodes_per_step=2,
    updates_per_step=1,
    steps_per_block=1,
)
AGENTS = {
    'distral': (run_helpers.AGENT, distral_builder.DistralBuilder, 50),
    'sac': (SAC, sac_builder.SACBuilder, 10),
    'pearl': (PEARL, pearl_builder.PearlBuilder, 10),
}


def config_of(
    path, num_env_steps, agent='distral', *, resume=False, suite=None
):
  agent_config, make_builder, horizon = AGENTS[agent]
  return setup.ExperimentConfig(
      agent=agent,
      agent_config=agent_config,
      make_builder=make_builder,
      suite=suite or fakes.point_mass_suite(2, horizon=horizon),
      seed=3,
      num_env_steps=num_env_steps,
      num_workers=2,
      evaluate_every=500,
      evaluation_episodes=2,
      checkpoint_every=500,
      run_dir=run_directory.RunDirectory(path, resume=resume),
  )


def run(*args, num_actors=2, **kwargs):
  return program.run_program(
      config_of(*args, **kwargs), num_actors=num_actors, launch_type='local_mt'
  )


def read(path, name):
  with open(path / name, newline='') as f:
    return list(csv.DictReader(f))


def steps_of(rows):
  return [int(row['env_steps']) for row in rows]


@pytest.mark.parametrize(
    'agent, columns',
    [
        ('distral', {'task', 'shared'}),
        pytest.param('sac', {'shared'}, marks=pytest.mark.slow),
        pytest.param('pearl', {'task'}, marks=pytest.mark.slow),
    ],
)
def test_a_program_leaves_what_a_run_leaves(tmp_path, capsys, agent, columns):
  path = tmp_path / 'run'
  rows = run(path, 1_000, agent)
  assert {row['policy'] for row in rows} == columns
  for score in base.SCORES:
    assert np.isfinite(evaluation.mean_score(rows, max(columns), score=score))
  assert {path.name for path in path.iterdir()} == {
      '.lock',
      'config.json',
      'versions.json',
      'train.csv',
      'evaluation.csv',
      'tensorboard',
      'best',
      'checkpoints',
      'learning_curve.png',
  }
  train = read(path, 'train.csv')
  found = steps_of(train)
  assert found == sorted(found) and found[-1] >= 1_000
  assert [int(row['learner_steps']) for row in train] == list(
      range(1, len(train) + 1)
  )
  assert sum(int(row['episodes']) for row in train) > 10
  evaluated = sorted(set(steps_of(read(path, 'evaluation.csv'))))
  assert evaluated[0] == 0 and evaluated[-1] == found[-1]
  loaded = checkpoints.load_policy(path, sorted(columns)[0])
  assert loaded.env_steps == found[-1]
  # Between evaluations too it says how it gets on.
  assert re.search(
      r'(?m)^[\d,]+ of 1,000 steps, [\d,]+/s, (first episodes|training \w+ .*)'
      r', \d+ min left$',
      capsys.readouterr().out,
  )


def test_a_path_too_long_for_ray_is_reported_before_anything_is_written(
    tmp_path, monkeypatch
):
  monkeypatch.delenv('RAY_TMPDIR', raising=False)
  monkeypatch.setenv('TMPDIR', f'/tmp/{100 * "a"}')
  with pytest.raises(ValueError, match='^TMPDIR: got '):
    program.run_program(
        config_of(tmp_path / 'run', 1_000), num_actors=1, launch_type='local_mp'
    )
  assert not (tmp_path / 'run').exists()


@pytest.mark.slow
def test_a_program_continues_from_its_checkpoint(tmp_path):
  path = tmp_path / 'run'
  run(path, 1_000, 'sac')
  first = read(path, 'train.csv')
  before = json.loads((checkpoints.newest(path) / 'state.json').read_text())
  assert before['env_steps'] == int(first[-1]['env_steps'])
  # More actors than before are no other run.
  run(path, 2_000, 'sac', resume=True, num_actors=3)
  both = read(path, 'train.csv')
  assert both[: len(first)] == first and steps_of(both)[-1] >= 2_000
  learner_steps = [int(row['learner_steps']) for row in both]
  assert learner_steps == list(range(1, len(both) + 1))
  # Without another step: nothing to do, and nothing is evaluated again.
  evaluated = read(path, 'evaluation.csv')
  run(path, 2_000, 'sac', resume=True)
  assert read(path, 'train.csv') == both
  assert read(path, 'evaluation.csv') == evaluated


@pytest.mark.slow
def test_a_program_without_checkpoints_starts_again(tmp_path, capsys):
  path = tmp_path / 'run'
  run(path, 500)
  rows = len(read(path, 'train.csv'))
  shutil.rmtree(path / 'checkpoints')
  capsys.readouterr()
  run(path, 500, resume=True)
  said = capsys.readouterr().out
  assert (
      f'there is no checkpoint in {path}; the run starts from the beginning'
      in said
  )
  assert f'dropped {rows} rows of train.csv and ' in said
  for name in ('train.csv', 'evaluation.csv'):
    steps = steps_of(read(path, name))
    assert steps == sorted(steps)
  learner_steps = [int(row['learner_steps']) for row in read(path, 'train.csv')]
  assert learner_steps == list(range(1, len(learner_steps) + 1))


@pytest.mark.slow
def test_a_program_takes_back_what_came_after_its_checkpoint(tmp_path, capsys):
  path = tmp_path / 'run'
  run(path, 500)
  saved = checkpoints.env_steps(checkpoints.newest(path))
  for name in ('train.csv', 'evaluation.csv'):
    with open(path / name, newline='') as f:
      lines = f.read().splitlines(keepends=True)
    # As if it had gone on for long; the evaluator never saw these steps.
    with open(path / name, 'a', newline='') as f:
      f.write(lines[-1].replace(str(saved), '900000', 1))
  capsys.readouterr()
  assert run(path, 500, resume=True)
  assert (
      'dropped 1 row of train.csv and 1 row of evaluation.csv from after '
      f'{saved:,} steps'
  ) in capsys.readouterr().out
  for name in ('train.csv', 'evaluation.csv'):
    assert steps_of(read(path, name))[-1] == saved
  (resumed,) = json.loads((path / 'versions.json').read_text())['resumed']
  assert resumed['env_steps'] == saved
  (event,) = (
      event
      for file in (path / 'tensorboard').iterdir()
      for event in tf.compat.v1.train.summary_iterator(str(file))
      if event.HasField('session_log')
  )
  assert event.step == saved + 1


@pytest.mark.slow
def test_off_policy_actors_and_learner_wait_for_each_other(tmp_path):
  path = tmp_path / 'run'
  run(path, 3_000, 'sac')
  last = read(path, 'train.csv')[-1]
  # 8 samples a transition of a task, 8 a task's share of a batch, 2 updates.
  expected = (int(last['env_steps']) / 2 - 30) * 8.0 / 8.0 / 2.0
  assert int(last['learner_steps']) == pytest.approx(expected, rel=0.1)


@pytest.mark.slow
def test_actors_do_not_see_the_same(tmp_path):
  config = config_of(tmp_path / 'run', 1_000)
  from distillery.agents.core.running import nodes

  class Counter:

    def __init__(self, steps):
      self._steps = steps

    def get_counts(self):
      return {'env_steps': self._steps}

  class Learner:

    def policies(self, evaluated):
      return {}

    def get_variables(self, names):
      return [{}]

  class Replay:
    server_address = 'nowhere'

    def writer(self, **kwargs):
      return None

  seeds = set()
  for index, steps in ((0, 0), (1, 0), (0, 100)):
    node = nodes.ActorNode(
        config, index, 1, Replay(), Counter(steps), Learner()
    )
    with node._pool as pool:
      seeds.add(pool._plan.seed)
  assert len(seeds) == 3


@pytest.mark.slow
def test_a_run_and_a_program_cannot_resume_each_other(tmp_path):
  path = tmp_path / 'run'
  run(path, 500)
  with pytest.raises(ValueError, match='is_program is False and was True'):
    experiment.run_experiment(config_of(path, 1_000, resume=True))


@pytest.mark.slow
def test_actors_need_no_builder_and_none_of_its_files(tmp_path, monkeypatch):
  made = []

  class Counted(distral_builder.DistralBuilder):

    def __init__(self, *args):
      made.append(1)
      super().__init__(*args)

  monkeypatch.setitem(AGENTS, 'distral', (run_helpers.AGENT, Counted, 50))
  run(tmp_path / 'run', 500)
  assert len(made) == 3  # The program's, Reverb's and the learner's.


@pytest.mark.slow
def test_an_environment_that_fails_for_good_ends_the_program(tmp_path):
  suite = run_helpers.make_spoilt_suite(np.nan, 0)
  with pytest.raises(
      supervisor.ProgramError,
      match=(
          'actor/. failed 5 times; the first time: PoolError: .*'
          "Task 'spoilt'.*reward that is not finite"
      ),
  ):
    run(tmp_path / 'run', 100_000, suite=suite)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_ends_the_program(tmp_path, monkeypatch):
  config, make_builder, _ = AGENTS['sac']
  spoilt = dataclasses.replace(config, reward_scale=1e38)
  monkeypatch.setitem(AGENTS, 'sac', (spoilt, make_builder, 10))
  with pytest.raises(
      supervisor.ProgramError,
      match=('learner/0 failed 5 times.*NonFiniteError: critic_loss is nan'),
  ):
    run(tmp_path / 'run', 100_000, 'sac')


@pytest.mark.slow
def test_a_checkpoint_that_does_not_fit_is_tried_again(
    tmp_path, monkeypatch, capsys
):
  path = tmp_path / 'run'
  begin, attempts = checkpoint_writing.begin, []

  def full_at_first(*args, **kwargs):
    attempts.append(1)
    if len(attempts) <= 2:
      raise OSError('cannot write checkpoint: no space left')
    return begin(*args, **kwargs)

  monkeypatch.setattr(checkpoint_writing, 'begin', full_at_first)
  run(path, 2_000)
  assert (
      capsys.readouterr().out.count(
          'warning: cannot write checkpoint: no space left; the next is tried in '
          '500 steps.'
      )
      == 2
  )
  assert checkpoints.env_steps(checkpoints.newest(path)) >= 2_000


@pytest.mark.slow
def test_a_replay_that_does_not_fit_is_tried_again(
    tmp_path, monkeypatch, capsys
):
  path = tmp_path / 'run'
  checkpoint, attempts = reverb.Client.checkpoint, []

  def full_at_first(client):
    attempts.append(1)
    if len(attempts) == 1:
      raise IndexError('No space left on device')
    return checkpoint(client)

  monkeypatch.setattr(reverb.Client, 'checkpoint', full_at_first)
  run(path, 1_200, 'sac')
  assert (
      capsys.readouterr().out.count(
          'No space left on device; the next is tried in 500 steps.'
      )
      == 1
  )
  assert checkpoints.env_steps(checkpoints.newest(path)) >= 1_200
  assert not list((path / 'checkpoints').glob('*.tmp'))


@pytest.mark.slow
def test_a_program_is_not_at_its_end_before_that_is_saved(
    tmp_path, monkeypatch
):
  """A learner that starts again near the end has not learned everything."""

  def full(*args, **kwargs):
    raise OSError('cannot write checkpoint: no space left')

  monkeypatch.setattr(checkpoint_writing, 'begin', full)
  with pytest.raises(
      supervisor.ProgramError,
      match=('learner/0 failed 5 times; the first time: OSError: cannot write'),
  ):
    run(tmp_path / 'run', 400)


@pytest.mark.slow
def test_a_last_evaluation_that_fails_is_made_up(tmp_path, monkeypatch):
  evaluate, calls = evaluation.evaluate, []

  def fail_at_the_end(*args, **kwargs):
    calls.append(1)
    if len(calls) == 2:
      raise OSError('a worker was killed')
    return evaluate(*args, **kwargs)

  monkeypatch.setattr(evaluation, 'evaluate', fail_at_the_end)
  path = tmp_path / 'run'
  run(path, 400)
  assert len(calls) == 3
  last = steps_of(read(path, 'evaluation.csv'))[-1]
  assert last == steps_of(read(path, 'train.csv'))[-1] >= 400


def test_a_restarted_counter_gets_the_earlier_count(tmp_path):
  from distillery.agents.core.running import nodes

  learner = nodes.LearnerNode.__new__(nodes.LearnerNode)
  learner._counter, learner._env_steps = counting.Counter(), 300
  learner._counter.increment(env_steps=100)
  assert learner._count() == 300
  assert learner._counter.get_counts() == {'env_steps': 300}


def test_a_program_needs_actors(tmp_path):
  with pytest.raises(ValueError, match='num_actors: got 0, want at least 1'):
    run(tmp_path / 'run', 1_000, num_actors=0)


@pytest.mark.parametrize(
    'make',
    [
        program._make_tables,
        program._make_checkpointer,
        program._make_counter,
        program._make_learner,
        program._make_actor,
        program._make_evaluator,
    ],
)
def test_nodes_import_one_after_the_other(make):
  """Otherwise one of two threads sometimes sees a half-imported Acme."""
  ended = threading.Event()

  def construct():
    with contextlib.suppress(AttributeError, TypeError):
      make(None)
    ended.set()

  with program._importing:
    threading.Thread(target=construct, daemon=True).start()
    assert not ended.wait(0.2)
  assert ended.wait(60.0)
