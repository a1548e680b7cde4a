"""The six half-cheetahs: what their bodies weigh, and how episodes end."""

import collections
import os

from distillery.environments import suites
from distillery.environments.half_cheetah import batch as cheetah_batch
from distillery.environments.half_cheetah import bodies as half_cheetah_bodies
from distillery.environments.pool import batch_pool
import numpy as np
import pytest

# After gymnasium's model is compiled, in kg; the whole has 14.
MASSES = {
    'SmallFoot': dict(bfoot=0.503, ffoot=0.406),
    'BigFoot': dict(bfoot=1.885, ffoot=1.522),
    'SmallLeg': dict(bshin=0.757, fshin=0.573),
    'SmallThigh': dict(bthigh=0.743, fthigh=0.692),
    'SmallTorso': dict(torso=4.900),
    'BigTorso': dict(torso=7.514),
}


@pytest.mark.parametrize('body', half_cheetah_bodies.BODIES)
def test_a_body_weighs_what_it_should(body):
  model = half_cheetah_bodies.make_cheetah(body).model
  for name, mass in MASSES[body].items():
    assert model.body(name).mass.item() == pytest.approx(mass, abs=2e-3)
  assert model.body_mass.sum() == pytest.approx(14.0)


def test_the_suite_has_all_six_and_a_name_for_each():
  suite = suites.make_suite('HALF_CHEETAH', seed=0)
  assert [task.name for task in suite.train_tasks] == list(MASSES)
  (one,) = suites.make_suite('HALF_CHEETAH/BigFoot', seed=0).train_tasks
  assert one.name == 'BigFoot'
  with pytest.raises(ValueError, match="Did you mean 'HALF_CHEETAH/BigFoot'"):
    suites.make_suite('HALF_CHEETAH/BigFeet', seed=0)


def test_an_episode_is_cut_off_and_not_over():
  suite = suites.make_suite('HALF_CHEETAH', seed=0)
  environment = suite.tasks[0].factory(0)
  assert environment.observation_spec().shape == suite.observation_spec.shape
  assert environment.action_spec().shape == suite.action_spec.shape
  first = environment.reset(seed=3)
  for _ in range(2):  # An episode by `reset`, and the one that follows it.
    timestep, length = environment.step(np.zeros(6, np.float32)), 1
    while not timestep.last():
      timestep = environment.step(np.zeros(6, np.float32))
      length += 1
      assert length <= suite.horizon
    assert length == suite.horizon == 1000 and timestep.discount == 1.0
    assert environment.step(np.zeros(6, np.float32)).first()
  np.testing.assert_array_equal(
      environment.reset(seed=3).observation, first.observation
  )


# In the caller's thread, in one more, in MuJoCo's threads beside the caller's.
@pytest.mark.parametrize(
    'rows,num_cores,threads_of_shares',
    [
        (1, 2, [1]),
        (33, 1, [1]),
        (15, 2, [1]),
        (33, 2, [1, 1]),
        (33, 16, [1, 3]),
        (33, 3, [1, 2]),
    ],
)
def test_every_row_steps_as_gymnasium_does(
    rows, num_cores, threads_of_shares, monkeypatch
):
  monkeypatch.setattr(os, 'sched_getaffinity', lambda _: set(range(num_cores)))
  bodies = [list(half_cheetah_bodies.BODIES)[i % 6] for i in range(rows)]
  cheetahs = [half_cheetah_bodies.make_cheetah(body) for body in bodies]
  batch = cheetah_batch.CheetahBatch([cheetah.model for cheetah in cheetahs])
  assert [len(share._scratch) for share in batch._shares] == threads_of_shares
  for row, cheetah in enumerate(cheetahs):
    batch.reset(row, seed=row)
    np.testing.assert_array_equal(
        batch.observation[row], cheetah.reset(seed=row)[0].astype(np.float32)
    )
  for action in np.random.default_rng(0).uniform(-1.0, 1.0, (20, rows, 6)):
    reward, discount, ended = batch.step(action)
    wanted = [cheetah.step(a) for cheetah, a in zip(cheetahs, action)]
    np.testing.assert_allclose(
        batch.observation,
        [observation for observation, *_ in wanted],
        rtol=1e-4,
        atol=1e-4,
    )
    np.testing.assert_allclose(
        reward, [step[1] for step in wanted], rtol=1e-4, atol=1e-4
    )
    assert (discount == 1.0).all() and not ended.any()


def test_rows_know_nothing_of_each_other():
  models = [
      half_cheetah_bodies.make_cheetah(body).model
      for body in half_cheetah_bodies.BODIES
  ]
  many = cheetah_batch.CheetahBatch(6 * models)
  alone = cheetah_batch.CheetahBatch(models[2:3])
  for row in range(36):
    many.reset(row, seed=row)
  alone.reset(0, seed=14)
  rng = np.random.default_rng(0)
  for step in range(30):
    action = rng.uniform(-1.0, 1.0, (36, 6)).astype(np.float32)
    if step == 10:
      many.reset(13, seed=5)
    reward, _, _ = many.step(action)
    single, _, _ = alone.step(action[14:15])
    assert reward[14] == single[0]
  np.testing.assert_array_equal(many.observation[14], alone.observation[0])


class Still:
  """A policy that does nothing."""

  state_size = 0

  def select_tasks(self, parameters, task_index):
    return task_index

  def draw_noise(self, rng, num_steps, environments):
    return np.zeros((num_steps, len(environments), 6), np.float32)

  def sample(self, selected, observation, noise):
    return noise, np.zeros(noise.shape[:-1], np.float32)


def test_every_body_gets_as_many_frames():
  with batch_pool.BatchPool(
      suites.make_suite('HALF_CHEETAH', seed=0),
      envs_per_task=2,
      unroll_length=300,
      seed=0,
  ) as pool:
    pool.set_policy(Still(), {})
    blocks = [pool.collect() for _ in range(4)]
  steps = np.concatenate([block['episode_step'] for block in blocks], axis=1)
  assert steps.shape == (6, 1200, 2)
  # No environment is ahead of another, across the end of an episode too.
  assert (steps == (np.arange(1200) % 1000)[:, np.newaxis]).all()
  frames = collections.Counter(
      e.task for e in pool.episodes() for _ in range(e.length)
  )
  assert frames == {body: 2000 for body in half_cheetah_bodies.BODIES}


def test_actions_that_do_not_fit_the_rows_are_refused():
  model = half_cheetah_bodies.make_cheetah('BigFoot').model
  batch = cheetah_batch.CheetahBatch([model] * 2)
  for row in range(2):
    batch.reset(row, 0)
  before = batch.observation
  good = np.zeros((2, 6), np.float32)
  for action in (
      good[:1],
      good[0],
      good[:, :1],
      good * np.nan,
      0.0,
      good + 1j,
      good.astype(str),
      good.astype(bool),
  ):
    with pytest.raises(ValueError, match='^action: got '):
      batch.step(action)
  np.testing.assert_array_equal(batch.observation, before)
  for row in (-1, 2, 0.0):
    with pytest.raises(ValueError, match=r'^row: got .* integer in \[0, 2\)$'):
      batch.reset(row, 0)
