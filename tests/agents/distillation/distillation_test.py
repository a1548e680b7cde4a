"""Distillation: whose teacher, in which direction, and what moves."""

import dataclasses
import itertools
import json

from distillery.agents.core.run_files import checkpoint_writing
from distillery.agents.distillation import config as distillation_config
from distillery.agents.distillation import learning
from distillery.agents.distillation import losses
from distillery.agents.distillation import rollouts
from distillery.agents.distillation import teachers as frozen
from distillery.networks.policies import multi_head
from helpers import caught_gradients
from helpers import gpu_kernels
from helpers import random_blocks
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

T, K, E, D, A = 4, 2, 3, 5, 2
tfd = tfp.distributions


def make_policy(architecture='separate', num_tasks=K, seed=0, sizes=(7, 6)):
  policy = multi_head.MultiHeadPolicy(
      num_tasks,
      D,
      A,
      architecture=architecture,
      hidden_sizes=sizes,
      initial_std=0.7,
      min_observation_std=0.1,
      seed=seed,
  )
  rng = np.random.default_rng(seed)
  for variable in policy.trainable_variables:
    variable.assign(rng.normal(scale=0.4, size=variable.shape))
  policy.normalizer.update(
      tf.constant(rng.normal(1.0, 2.0, size=(num_tasks, 50, D)), tf.float32)
  )
  return policy


def write_run(run_dir, policy, names, twin=None):
  """Writes the files of a run that are read."""
  run_dir.mkdir()
  (run_dir / 'config.json').write_text(
      json.dumps({'tasks': [f'{name} (train)' for name in names]})
  )
  checkpoint_writing.finish(
      checkpoint_writing.begin(
          run_dir,
          100,
          {'policy': policy},
          {'task': twin or policy.acting_policy('task')},
          {
              name: variable.numpy()
              for name, variable in policy.acting_variables().items()
          },
          {'env_steps': 100, 'wall_s': 1.0},
      )
  )
  return str(run_dir)


def make_learner(teachers, student, rng, max_gradient_norm=1e6):
  block = random_blocks.block_of(
      dict(
          observation=rng.normal(size=(T, K, E, D)).astype(np.float32),
          reward=np.zeros((T, K, E), np.float32),
      )
  )
  return (
      learning.DistillationLearner(
          distillation_config.DistillationConfig(
              teachers='x', max_gradient_norm=max_gradient_norm
          ),
          student,
          teachers,
          iterator=itertools.repeat(block),
      ),
      block,
  )


@pytest.mark.parametrize('architecture', ['separate', 'multi_head'])
def test_each_task_has_the_teacher_that_was_trained_on_it(
    tmp_path, architecture
):
  both = make_policy(architecture)
  run = write_run(tmp_path / 'both', both, ['a', 'b'])
  teachers = frozen.read([run], ['b', 'a'], act=True)
  learner, _ = make_learner(
      teachers, make_policy('multi_head', seed=5), np.random.default_rng(0)
  )
  x = np.random.default_rng(1).normal(size=(K, 4, D)).astype(np.float32)
  got = learner.teacher.task(tf.constant(x))
  want = both.task(tf.constant(x[::-1].copy()))
  np.testing.assert_allclose(got.mean(), want.mean()[::-1], atol=1e-5)
  np.testing.assert_allclose(got.stddev(), want.stddev()[::-1], atol=1e-6)
  # And it acts as it is learned from.
  selected = teachers.policy.select_tasks(
      learner.get_variables(['policy'])[0], np.arange(K)
  )
  noise = np.zeros((K, 4, A), np.float32)
  action, _ = teachers.policy.sample(selected, x, noise)
  np.testing.assert_allclose(action, got.mean(), atol=1e-5)


def test_teachers_of_several_runs_are_put_together(tmp_path):
  runs = [
      write_run(tmp_path / name, make_policy(num_tasks=1, seed=seed), [name])
      for seed, name in enumerate('ab')
  ]
  teachers = frozen.read(runs, ['a', 'b'], act=True)
  for k, seed in enumerate((0, 1)):
    np.testing.assert_array_equal(
        teachers.parameters['w1'][k],
        make_policy(num_tasks=1, seed=seed).acting_variables()['w1'][0],
    )


def test_a_run_that_is_no_teacher_is_refused(tmp_path):
  a = write_run(tmp_path / 'a', make_policy(num_tasks=1), ['a'])
  again = write_run(tmp_path / 'again', make_policy(num_tasks=1), ['a'])
  small = write_run(
      tmp_path / 'small', make_policy(num_tasks=1, sizes=(3,)), ['b']
  )
  with pytest.raises(
      ValueError, match='got none for the tasks b, c; the given runs have a'
  ):
    frozen.read([a], ['a', 'b', 'c'], act=True)
  with pytest.raises(
      ValueError, match='the task a has two, the second in .*again; want one'
  ):
    frozen.read([a, again], ['a'], act=True)
  with pytest.raises(ValueError, match='their networks have different sizes'):
    frozen.read([a, small], ['a', 'b'], act=True)
  loud = make_policy(num_tasks=1)
  loud = write_run(
      tmp_path / 'loud',
      loud,
      ['c'],
      twin=loud.acting_policy('task', noise_colors=(1.0,)),
  )
  with pytest.raises(
      ValueError,
      match=(
          r'in different ways, noise_colors=\(\) in .*/a and \(1.0,\) in .*/loud; want'
      ),
  ):
    frozen.read([a, loud], ['a', 'c'], act=True)
  # It does not matter if they do not act, or are not chosen.
  assert frozen.read([a, loud], ['a', 'c'], act=False).parameters
  assert frozen.read([loud, a], ['a'], act=True).policy.noise_colors == ()
  with pytest.raises(ValueError, match='no checkpoint in .*nothing'):
    frozen.read([str(tmp_path / 'nothing')], ['a'], act=True)
  with pytest.raises(ValueError, match='teachers: got none'):
    distillation_config.DistillationConfig()


def test_the_loss_is_the_kl_from_the_teacher_to_the_student():
  teacher, student = (
      tfd.Independent(tfd.Normal([[[mean]]], [[[std]]]), 1)
      for mean, std in ((0.2, 0.5), (1.0, 2.0))
  )
  # log(s/t) + (t^2 + (difference)^2) / (2 s^2) - 1/2
  want = np.log(2.0 / 0.5) + (0.5**2 + 0.8**2) / (2.0 * 2.0**2) - 0.5
  loss = losses.distillation_loss(teacher, student)
  assert loss.numpy().item() == pytest.approx(want)
  other = losses.distillation_loss(student, teacher).numpy().item()
  assert abs(other - want) > 1.0


def test_a_step_moves_the_student_alone_and_down_the_gradient(
    compiled, tmp_path
):
  run = write_run(tmp_path / 'run', make_policy(), ['a', 'b'])
  teachers = frozen.read([run], ['a', 'b'], act=True)
  student = make_policy('multi_head', seed=5)
  learner, block = make_learner(teachers, student, np.random.default_rng(0))
  kept = {name: value.copy() for name, value in teachers.parameters.items()}
  kls = []
  for _ in range(200):
    learner.step()
    kls.append(learner.metrics['kl_to_teacher'])
  assert kls[-1] < 0.3 * kls[0]
  for name, value in learner.get_variables(['policy'])[0].items():
    if name.startswith('teacher/'):
      np.testing.assert_array_equal(value, kept[name.removeprefix('teacher/')])
  # The student's statistics are its own, of what it saw.
  seen = np.asarray(block.observation).reshape(-1, D)
  assert abs(student.normalizer.mean.numpy().ravel() - seen.mean(0)).max() < 0.1


def test_small_gradients_move_the_student_too(tmp_path):
  """They would hardly, with 1e-5 under the root: 140 times less."""
  run = write_run(tmp_path / 'run', make_policy(), ['a', 'b'])
  teachers = frozen.read([run], ['a', 'b'], act=True)
  student = make_policy()
  log_std = student.acting_variables()['log_std']
  log_std.assign_add(1e-4 * tf.ones_like(log_std))
  before = log_std.numpy()
  learner, _ = make_learner(teachers, student, np.random.default_rng(0))
  learner.step()
  g = 1.0 - np.exp(-2e-4)  # d KL / d log s = 1 - (t / s)^2
  np.testing.assert_allclose(
      before - log_std.numpy(),
      7e-4 * g / np.sqrt(0.01 * g**2 + 1e-10),
      rtol=0.02,
  )


def test_gradients_are_clipped_the_trunks_whole_and_each_heads_apart(tmp_path):
  run = write_run(tmp_path / 'run', make_policy(), ['a', 'b'])
  teachers = frozen.read([run], ['a', 'b'], act=True)
  pulls = []
  for max_norm in (1e6, 0.01):
    learner, block = make_learner(
        teachers,
        make_policy('multi_head', seed=5),
        np.random.default_rng(0),
        max_norm,
    )
    pulls.append(caught_gradients.trunk_and_heads(learner, block, K))
  for free, clipped in zip(*pulls):
    caught_gradients.assert_clipped(free, clipped, 0.01)


def test_the_acting_policy_is_drawn_for_each_unroll():
  student, teacher = (make_policy('multi_head', seed=1), make_policy(seed=2))
  both = rollouts.EitherPolicy(
      student.acting_policy('task'),
      dataclasses.replace(teacher.acting_policy('task'), prefix='teacher/'),
      0.7,
  )
  parameters = {
      **{name: x.numpy() for name, x in student.acting_variables().items()},
      **{
          f'teacher/{name}': x.numpy()
          for name, x in teacher.acting_variables().items()
      },
  }
  selected = both.select_tasks(parameters, np.arange(K))
  noise = both.draw_noise(np.random.default_rng(0), T, range(K * 1000)).reshape(
      T, K, 1000, 2 * A + 1
  )
  is_student = noise[..., -1] == 1.0
  assert (is_student == is_student[0]).all()  # For the whole unroll.
  assert abs(is_student.mean() - 0.7) < 0.03
  x = np.random.default_rng(1).normal(size=(K, 1000, D)).astype(np.float32)
  action, log_prob = both.sample(selected, x, noise[0])
  for policy, own, part, who in (
      (both.student, selected[0], noise[0, ..., :A], is_student[0]),
      (both.teacher, selected[1], noise[0, ..., A:-1], ~is_student[0]),
  ):
    want_action, want_log_prob = policy.sample(own, x, part)
    np.testing.assert_array_equal(action[who], want_action[who])
    np.testing.assert_array_equal(log_prob[who], want_log_prob[who])


def test_policies_of_other_tasks_are_not_compared():
  one, both = (
      tfd.Independent(tfd.Normal(tf.zeros([num, 3, A]), 1.0), 1)
      for num in (1, 2)
  )
  for pair in ((one, both), (both, one)):
    with pytest.raises(ValueError, match='distillation_loss: student has sh'):
      losses.distillation_loss(*pair)


@pytest.mark.slow
def test_a_gpu_can_compute_every_operation(compiled, tmp_path):
  run = write_run(tmp_path / 'run', make_policy(), ['a', 'b'])
  teachers = frozen.read([run], ['a', 'b'], act=True)
  learner, _ = make_learner(teachers, make_policy(), np.random.default_rng(0))
  learner.step()
  assert not gpu_kernels.missing(learner)
