"""Runs that fail before their first step leave nothing, and no others do."""

import dataclasses
import functools
import sys
import types

from distillery.agents.core import evaluation
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import experiment
from distillery.agents.core.running import program
from distillery.agents.core.running import setup
from distillery.agents.distral import builder
from distillery.distributed import lp
from distillery.distributed import supervisor
from distillery.environments import base
from distillery.environments import fakes
from distillery.environments.pool import process_pool
from helpers import pool_helpers
from helpers import run_helpers as helpers
import pytest
import tensorflow as tf

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(autouse=True)
def fixture_eagerly(run_eagerly):
  """One block is sooner learned from than a step is compiled."""
  tf.config.run_functions_eagerly(True)


def config_of(path, resume=False, **changes):
  return setup.ExperimentConfig(
      **{
          **dict(
              agent='distral',
              agent_config=helpers.AGENT,
              make_builder=builder.DistralBuilder,
              suite=helpers.make_suite(),
              seed=3,
              num_env_steps=helpers.BLOCK,
              num_workers=1,
              evaluate_every=helpers.INTERVAL,
              evaluation_episodes=1,
              checkpoint_every=helpers.INTERVAL,
              run_dir=run_directory.RunDirectory(path, resume=resume),
          ),
          **changes,
      }
  )


def suite_of(*tasks, **changes):
  return dataclasses.replace(
      helpers.make_suite(), tasks=tuple(tasks), **changes
  )


def task_of(factory, split='train'):
  return base.Task('other', 'f', split, factory)


@pytest.fixture(name='main')
def fixture_main(monkeypatch):
  """A prompt's `__main__`, with a factory and a builder."""
  main = types.ModuleType('__main__')
  main.walk = types.FunctionType((lambda seed: None).__code__, {}, 'walk')
  main.Own = type('Own', (builder.DistralBuilder,), {})
  for found in (main.walk, main.Own):
    found.__module__ = '__main__'
  main.walk.__qualname__ = 'walk'
  monkeypatch.setitem(sys.modules, '__main__', main)
  return main


def interrupt(*args, **kwargs):
  raise KeyboardInterrupt


def run_on_threads(config):
  program.run_program(config, num_actors=1, launch_type='local_mt')


RUNS = pytest.mark.parametrize(
    'run', [experiment.run_experiment, run_on_threads]
)


@RUNS
@pytest.mark.parametrize('split', base.SPLITS)
def test_a_factory_that_workers_cannot_import(tmp_path, main, run, split):
  suite = suite_of(*helpers.make_suite().tasks, task_of(main.walk, split))
  with pytest.raises(ValueError, match="^task 'other' cannot be sent to a wor"):
    run(config_of(tmp_path / 'a' / 'run', suite=suite))
  assert not list(tmp_path.iterdir())


def test_a_batch_is_made_here_of_whatever(tmp_path, main):
  task = task_of(main.walk)
  assert setup.check_tasks(suite_of(task, make_batch=main.walk)) is None
  with pytest.raises(ValueError, match='cannot be sent to a worker'):
    setup.check_tasks(suite_of(task))


@pytest.mark.parametrize(
    'changes, words',
    [
        (
            lambda main: dict(suite=suite_of(task_of(main.walk))),
            "task 'other' cannot be sent to a program's processes .'walk' cannot be",
        ),
        (
            lambda main: dict(
                suite=dataclasses.replace(
                    helpers.make_suite(), make_batch=main.walk
                )
            ),
            'suite cannot be sent',
        ),
        (
            lambda main: dict(make_builder=main.Own),
            'make_builder cannot be sent',
        ),
        (
            lambda main: dict(make_networks=main.walk),
            'make_networks cannot be sent',
        ),
    ],
)
@pytest.mark.parametrize(
    'launch_type', ['local_mp', lp.LaunchType.LOCAL_MULTI_PROCESSING]
)
def test_classes_that_a_process_cannot_import_are_refused(
    tmp_path, main, launch_type, changes, words
):
  main.__file__ = __file__
  with pytest.raises(ValueError, match=words):
    program.run_program(
        config_of(tmp_path / 'run', **changes(main)),
        num_actors=1,
        launch_type=launch_type,
    )
  assert not list(tmp_path.iterdir())


def test_an_experiment_may_make_other_networks(tmp_path):
  asked = []

  def make_networks(*arguments):
    asked.append(arguments)
    return 'networks'

  config = config_of(tmp_path / 'run', make_networks=make_networks)
  made = setup.make_builder(config)
  assert made.make_networks(7) == 'networks'
  assert asked == [(made.spec, config.agent_config, 7)]


def test_a_program_that_is_launched_by_hand_is_looked_through(tmp_path, main):
  cloudpickle = pytest.importorskip('ray.cloudpickle')
  laid_out = program.make_program(
      config_of(tmp_path / 'run', make_builder=main.Own), 1
  )
  (_, node), *_ = laid_out.named_nodes()
  with pytest.raises(ValueError, match='^make_builder cannot be sent to a pro'):
    cloudpickle.dumps(node)


@RUNS
def test_an_agent_and_a_suite_that_do_not_fit(tmp_path, run):
  agent = dataclasses.replace(
      helpers.AGENT, lstm_size=8, num_epochs=1, num_minibatches=1
  )
  with pytest.raises(ValueError, match='^lstm_size=8'):
    run(config_of(tmp_path / 'run', agent_config=agent))
  assert not list(tmp_path.iterdir())


def test_a_config_out_of_range(tmp_path):
  with pytest.raises(ValueError, match='seed must be in'):
    config_of(tmp_path / 'run', seed=-1)
  assert not list(tmp_path.iterdir())


def test_training_episodes_longer_than_the_suites_are_refused(tmp_path):
  suite = helpers.make_suite()
  assert suite.horizon
  with pytest.raises(ValueError, match=f'from 1 to .*, {suite.horizon}'):
    config_of(tmp_path / 'run', train_episode_steps=suite.horizon + 1)
  assert not (tmp_path / 'run').exists()
  config = config_of(tmp_path / 'run', train_episode_steps=suite.horizon - 1)
  assert setup.agent_spec(config).horizon == suite.horizon - 1


def test_random_starts_have_to_fit_into_an_episode(tmp_path):
  suite = helpers.make_suite()
  limits = dict(train_episode_steps=suite.horizon - 3)
  with pytest.raises(ValueError, match='^random_start_steps=4: .*at most 3,'):
    config_of(tmp_path / 'run', random_start_steps=4, **limits)
  with pytest.raises(ValueError, match='^random_start_steps=1: .*at most 0,'):
    config_of(tmp_path / 'run', random_start_steps=1)
  assert not (tmp_path / 'run').exists()
  config = config_of(tmp_path / 'run', random_start_steps=3, **limits)
  with setup.make_pool(config, num_workers=1, seed=0) as pool:
    assert pool.num_steps == 0


def test_one_environment_has_no_random_starts(tmp_path):
  agent = dataclasses.replace(helpers.AGENT, envs_per_task=1)
  with pytest.raises(ValueError, match='envs_per_task=1; want at least 2'):
    config_of(
        tmp_path / 'run',
        agent_config=agent,
        train_episode_steps=5,
        random_start_steps=1,
    )


def test_tasks_that_are_stepped_as_arrays_have_no_random_starts(tmp_path):
  suite = dataclasses.replace(helpers.make_suite(), make_batch=print)
  with pytest.raises(ValueError, match='^random_start_steps=1: .*as arrays'):
    config_of(tmp_path / 'run', random_start_steps=1, suite=suite)
  assert not (tmp_path / 'run').exists()


def test_tasks_that_are_stepped_as_arrays_cannot_rest(tmp_path):
  agent = dataclasses.replace(helpers.AGENT, rest_blocks=2)
  suite = dataclasses.replace(helpers.make_suite(), make_batch=print)
  with pytest.raises(ValueError, match='^rest_blocks=2: .* cannot rest'):
    config_of(tmp_path / 'run', agent_config=agent, suite=suite)
  assert not (tmp_path / 'run').exists()
  assert config_of(tmp_path / 'run', agent_config=agent).rest_blocks == 2


def test_a_factory_that_fails_in_a_worker(tmp_path):
  suite = suite_of(*pool_helpers.faulty_tasks('', 'raise_in_constructor'))
  # It was there before; and so was what a run was refused with.
  path = tmp_path / 'run'
  path.mkdir()
  (path / '.lock').touch()
  (path / 'flags.cfg').write_text('--mine')
  (path / 'notes.tmp').write_text('mine')
  with pytest.raises(process_pool.PoolError, match='no such scene'):
    experiment.run_experiment(config_of(path, suite=suite))
  assert {inner.name: inner.read_text() for inner in path.iterdir()} == {
      '.lock': '',
      'flags.cfg': '--mine',
      'notes.tmp': 'mine',
  }


def test_ctrl_c_before_the_first_step_and_again(tmp_path, monkeypatch):
  config = config_of(tmp_path / 'run')
  with monkeypatch.context() as patch:
    patch.setattr(evaluation, 'evaluate', interrupt)
    for _ in range(2):
      with pytest.raises(KeyboardInterrupt):
        experiment.run_experiment(config)
      assert not list(tmp_path.iterdir())
  # The directory is made again for a second try.
  experiment.run_experiment(config)
  assert (tmp_path / 'run' / 'config.json').exists()


def test_a_run_that_has_stepped_stays(tmp_path, monkeypatch):
  evaluate, calls = evaluation.evaluate, []

  def interrupt_later(*args, **kwargs):
    calls.append(1)
    return (interrupt if len(calls) > 1 else evaluate)(*args, **kwargs)

  monkeypatch.setattr(evaluation, 'evaluate', interrupt_later)
  with pytest.raises(KeyboardInterrupt):
    experiment.run_experiment(config_of(tmp_path / 'run'))
  assert (tmp_path / 'run' / 'config.json').exists()
  with pytest.raises(ValueError, match='is not empty; give --resume'):
    config_of(tmp_path / 'run')


def test_a_resumed_run_that_fails_stays(tmp_path, monkeypatch):
  experiment.run_experiment(config_of(tmp_path / 'run'))
  before = {path.name for path in (tmp_path / 'run').iterdir()}
  config = config_of(tmp_path / 'run', resume=True, seed=4)
  with pytest.raises(ValueError, match='seed is 4 and was 3'):
    experiment.run_experiment(config)
  assert {path.name for path in (tmp_path / 'run').iterdir()} == before


@pytest.mark.parametrize('has_stepped', [False, True])
def test_a_program_that_fails(tmp_path, monkeypatch, has_stepped):

  def fail(laid_out, *unused_args):
    (tmp_path / 'run' / 'evaluation.csv').write_text('')
    if has_stepped:  # In another process.
      learner = dict(laid_out.named_nodes())['learner/0']
      learner._args[0].run_dir.note_step()
    raise supervisor.ProgramError('a node failed')

  monkeypatch.setattr(lp, 'launch_and_wait', fail)
  with pytest.raises(supervisor.ProgramError):
    run_on_threads(config_of(tmp_path / 'run'))
  assert (tmp_path / 'run').exists() == has_stepped
  run_directory.RunDirectory(tmp_path / 'other', resume=False)


def test_a_directory_of_a_run_that_was_killed_before_its_first_step(tmp_path):
  killed = config_of(tmp_path / 'run')
  setup.prepare(killed)
  (tmp_path / 'run' / 'tensorboard').mkdir()
  (tmp_path / 'run' / 'tensorboard' / 'events').write_text('')
  (tmp_path / 'run' / 'evaluation.csv').write_text('env_steps\n')
  with pytest.raises(ValueError, match='in use by another process'):
    config_of(tmp_path / 'run')
  killed.run_dir._lock.close()  # As the system does.
  config = config_of(tmp_path / 'run')
  setup.prepare(config)
  config.run_dir.note_step()
  config.run_dir._lock.close()
  with pytest.raises(ValueError, match='is not empty; give --resume'):
    config_of(tmp_path / 'run')


def test_a_project_with_a_config_of_its_own_is_no_such_directory(tmp_path):
  (tmp_path / 'config.json').write_text('{}')
  with pytest.raises(ValueError, match='has a config.json, but no run'):
    config_of(tmp_path)


def test_held_out_tasks_of_modules_are_fine():
  suite = suite_of(
      *helpers.make_suite().tasks,
      task_of(functools.partial(fakes.PointMass, (0.0, 0.0)), 'test'),
  )
  assert len(suite.test_tasks) == 1
  assert setup.check_tasks(suite) is None
