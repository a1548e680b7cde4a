"""Experts' episodes: made, stored, read back, and refused."""

import dataclasses
import functools
import math
import threading

from distillery.agents.damsel import experts as damsel_experts
from distillery.environments import base
from distillery.environments import fakes
from distillery.environments.damsel import controllers as damsel_controllers
from distillery.environments.damsel import environment as damsel_environment
from distillery.environments.damsel import tasks as damsel_tasks
from helpers import small_damsel as small
import numpy as np
import pytest


def test_experts_are_what_the_controllers_would_do_where_noise_led_them():
  suite = small.make_suite()
  experts, failed = small.collect(suite, num_episodes=2)
  assert not failed
  assert experts.observation.shape == (3, 2, 150, 12)
  assert experts.action.shape == (3, 2, 150, 3)
  for k, task in enumerate(suite.train_tasks):
    controller = damsel_controllers.Controller(task.factory.target)
    first, second = experts.observation[k]
    assert (first[0] == second[0]).all() and (first[5] != second[5]).any()
    for observation, action in zip(first, experts.action[k, 0]):
      np.testing.assert_array_equal(controller(observation), action)
  assert experts.about['tasks'] == ['push-04', 'door-04', 'drawer-04']
  assert experts.about['source'] == 'scripted'


@pytest.mark.parametrize(
    'first, wanted, tries, succeeds',
    [
        (0, 2, 2, True),
        (19, 1, 20, True),
        (20, 1, 20, False),
        (20, 9, 20, False),
        (16, 8, 24, True),
        (17, 8, 24, False),
    ],
)
def test_how_often_an_expert_is_tried(
    monkeypatch, first, wanted, tries, succeeds
):
  """It fails in the first episodes, and then never."""
  suite = small.make_suite()
  suite = dataclasses.replace(suite, tasks=suite.train_tasks[:1])
  begun = []

  class Environment(type(suite.tasks[0].factory(0))):

    def reset(self, **kwargs):
      begun.append(1)
      self.solved = len(begun) > first
      return super().reset(**kwargs)

    success = property(lambda self: self.solved)

  monkeypatch.setattr(damsel_environment, 'DamselEnvironment', Environment)
  collect = functools.partial(
      damsel_experts.collect,
      suite,
      lambda index, task: (lambda observation: np.zeros(3, np.float32)),
      source='still',
      num_episodes=wanted,
      noise_std=0.0,
      seed=0,
  )
  if succeeds:
    experts, failed = collect()
    assert experts.observation.shape[1] == wanted and not failed
    assert experts.about['env_steps'] == 150 * tries
  else:
    with pytest.raises(ValueError, match='no still expert solved its task'):
      collect()
  assert len(begun) == tries


@pytest.mark.parametrize(
    'broken, words',
    [
        ('success', 'nan as success, want a bool'),
        ('step', r'an observation of shape \(1,\), want \(12,\)'),
        (
            'reset',
            r'reset returned an observation of shape \(1,\), want \(12,\)',
        ),
    ],
)
def test_bad_values_of_an_environment_are_refused(monkeypatch, broken, words):
  suite = small.make_suite()
  kind = type(suite.tasks[0].factory(0))

  def cut(method):
    return lambda self, *args: (
        lambda timestep: timestep._replace(observation=timestep.observation[:1])
    )(method(self, *args))

  monkeypatch.setattr(
      kind,
      broken,
      math.nan if broken == 'success' else cut(getattr(kind, broken)),
  )
  step = {'success': 149, 'step': 0, 'reset': 0}[broken]
  with pytest.raises(
      ValueError,
      match=(
          rf"^task '{suite.tasks[0].name}' \(episode 0, made with seed 0, step "
          rf'{step}\) failed: .*{words}'
      ),
  ):
    damsel_experts.collect(
        suite,
        lambda index, task: lambda observation: np.zeros(3, np.float32),
        source='still',
        num_episodes=1,
        noise_std=0.0,
        seed=0,
    )


def test_episodes_of_several_lengths_are_refused():
  tasks = [
      dataclasses.replace(
          fakes.point_mass_suite(1, horizon=horizon).tasks[0], name=f'{horizon}'
      )
      for horizon in (40, 50)
  ]
  suite = dataclasses.replace(
      fakes.point_mass_suite(1), tasks=tasks, horizon=None
  )
  with pytest.raises(
      ValueError,
      match=(
          '^experts: got episodes of 40 to 50 steps, want tasks whose episodes'
      ),
  ):
    damsel_experts.collect(
        suite,
        lambda index, task: (
            lambda observation: task.factory(0).goal - observation
        ),
        source='straight',
        num_episodes=1,
        noise_std=0.0,
        seed=0,
    )


def test_each_task_has_the_expert_made_for_it(monkeypatch):
  for family in damsel_tasks.FAMILIES:
    monkeypatch.setitem(damsel_tasks.THRESHOLDS, family, 9.0)
  suite = small.make_suite(per_family=2)
  places = []

  def make_expert(index, task):
    assert suite.train_tasks[index] is task
    places.append(index)
    return lambda observation: np.full(3, index / 10.0, np.float32)

  experts, failed = damsel_experts.collect(
      suite, make_expert, source='still', num_episodes=1, noise_std=0.0, seed=0
  )
  assert places == list(range(6)) and not failed
  assert experts.about['source'] == 'still'
  np.testing.assert_allclose(
      experts.action[:, 0, 0, 0], np.arange(6) / 10.0, rtol=1e-6
  )


def test_experts_depend_only_on_the_seed():
  suite = base.TaskSuite(
      **{**vars(small.make_suite()), 'tasks': (small.make_suite().tasks[:1])}
  )
  one, same, other = (
      small.collect(suite, seed=seed)[0].observation for seed in (0, 0, 1)
  )
  np.testing.assert_array_equal(one, same)
  assert (one != other).any()


def test_experts_are_read_as_they_were_written(tmp_path):
  experts, _ = small.collect()
  folder = str(tmp_path / 'deep' / 'experts')
  assert not damsel_experts.exist(folder)
  damsel_experts.write(folder, experts)
  read = damsel_experts.read(folder)
  np.testing.assert_array_equal(read.observation, experts.observation)
  np.testing.assert_array_equal(read.action, experts.action)
  assert read.about == experts.about
  assert {path.name for path in (tmp_path / 'deep' / 'experts').iterdir()} == {
      'experts.npz',
      'experts.json',
  }
  damsel_experts.check_suite(read, small.make_suite())
  with pytest.raises(ValueError, match='no experts for push-05, door-05, draw'):
    damsel_experts.check_suite(read, small.make_suite(per_family=2))
  with pytest.raises(ValueError, match='no tasks for the experts of door-04'):
    damsel_experts.check_suite(
        read, damsel_experts.without(small.make_suite(), ['door-04'])
    )
  sparse = small.make_suite()
  read.about['info']['mujoco'] = '0'
  with pytest.raises(ValueError, match='made in another scene: info is'):
    damsel_experts.check_suite(read, sparse)


def test_a_second_process_waits_for_the_experts(tmp_path, capsys):
  folder, order = str(tmp_path / 'experts'), []

  def second():
    with damsel_experts.held(folder):
      order.append('second')

  with damsel_experts.held(folder):
    thread = threading.Thread(target=second)
    thread.start()
    thread.join(0.5)
    order.append('first')
  thread.join(30.0)
  assert order == ['first', 'second']
  assert f'is making experts in {folder}' in capsys.readouterr().out


def test_unreadable_files_raise_one_sentence(tmp_path):
  with pytest.raises(ValueError, match=r"experts: found none in '.*nowhere'"):
    damsel_experts.read(str(tmp_path / 'nowhere'))
  with pytest.raises(ValueError, match="experts: found none in ''"):
    damsel_experts.read('')


@pytest.mark.parametrize(
    'name, content, words',
    [
        ('experts.npz', b'', 'cannot read the experts in'),
        ('experts.npz', b'PK\x03\x04 cut', 'cannot read the experts in'),
        ('experts.npz', b'\x93NUMPY', 'cannot read the experts in'),
        ('experts.json', b'{', 'cannot read the experts in'),
        ('experts.json', b'[]', 'are damaged: experts.json has no list'),
    ],
)
def test_damaged_files_are_refused(tmp_path, name, content, words):
  zeros = np.zeros((1, 1, 2, 3), np.float32)
  damsel_experts.write(
      str(tmp_path), damsel_experts.Experts(zeros, zeros, {'tasks': []})
  )
  damsel_experts.read(str(tmp_path))
  (tmp_path / name).write_bytes(content)
  with pytest.raises(ValueError, match=words):
    damsel_experts.read(str(tmp_path))


@pytest.mark.parametrize(
    'array',
    [
        np.zeros((1, 2), np.float32),
        np.zeros((1, 1, 2, 3)),
        np.full((1, 1, 2, 3), np.nan, np.float32),
    ],
)
def test_damaged_arrays_are_refused(tmp_path, array):
  zeros = np.zeros((1, 1, 2, 3), np.float32)
  damsel_experts.write(
      str(tmp_path), damsel_experts.Experts(zeros, array, {'tasks': []})
  )
  with pytest.raises(ValueError, match='are damaged: want action float32'):
    damsel_experts.read(str(tmp_path))


def test_an_expert_that_never_succeeds_is_named(monkeypatch):
  monkeypatch.setitem(damsel_tasks.THRESHOLDS, 'door', -1.0)
  suite = small.make_suite()
  experts, failed = small.collect(suite)
  assert failed == ['door-04']
  assert experts.about['tasks'] == ['push-04', 'drawer-04']
  assert experts.observation.shape[0] == 2
  rest = damsel_experts.without(suite, failed)
  assert [task.name for task in rest.train_tasks] == ['push-04', 'drawer-04']
  assert rest.test_tasks == suite.test_tasks
  damsel_experts.check_suite(experts, rest)
