"""SAC's runs: what is resumed, replay and all."""

import csv
import json
import shutil
import threading
import time

from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import display
from distillery.agents.core.run_files import run_directory
from distillery.agents.core.running import experiment
from distillery.agents.core.running import setup
from distillery.agents.sac import builder
from distillery.agents.sac import config as sac_config
from distillery.environments import fakes
from helpers import disks
import pytest
import reverb

pytestmark = pytest.mark.timeout(600)
# Two tasks, ten steps of each in a block; learns from the third block on.
CONFIG = sac_config.SACConfig(
    unroll_length=10,
    random_steps=30,
    batch_size=16,
    samples_per_insert=8.0,
    updates_per_step=2,
    hidden_sizes=(8,),
    critic_hidden_sizes=(8,),
)
BLOCK = 20


def run(path, num_blocks, resume=False):
  experiment.run_experiment(
      setup.ExperimentConfig(
          agent='sac',
          agent_config=CONFIG,
          make_builder=builder.SACBuilder,
          suite=fakes.point_mass_suite(2, horizon=10),
          seed=0,
          num_env_steps=num_blocks * BLOCK,
          num_workers=1,
          evaluate_every=10 * BLOCK,
          evaluation_episodes=1,
          checkpoint_every=5 * BLOCK,
          run_dir=run_directory.RunDirectory(path, resume=resume),
      )
  )


def learner_steps(path):
  with open(path / 'train.csv', newline='') as f:
    return [
        (int(row['env_steps']), int(row['learner_steps']))
        for row in csv.DictReader(f)
    ]


def state(path):
  return json.loads((checkpoints.newest(path) / 'state.json').read_text())


def test_a_resumed_run_continues_with_its_replay(compiled, tmp_path):
  path = tmp_path / 'run'
  run(path, 5)
  # 10 * 8 / 16 samples of a task's share: 5 steps of 2 updates a block.
  assert learner_steps(path) == [(60, 5), (80, 10), (100, 15)]
  first = checkpoints.newest(path)
  assert list((first / 'replay').glob('*/DONE'))
  assert not (path / 'replay.tmp').exists()
  run(path, 10, resume=True)
  assert learner_steps(path) == [
      (BLOCK * (i + 3), 5 * (i + 1)) for i in range(8)
  ]
  newest = checkpoints.newest(path)
  assert newest != first and checkpoints.newest(path).name == '000000000200'
  # All 100 transitions of each task, and not those after the checkpoint alone.
  (size,) = (newest / 'replay').glob('*/items.tfrecord')
  (old,) = (first / 'replay').glob('*/items.tfrecord')
  assert size.stat().st_size > 1.8 * old.stat().st_size


@pytest.mark.slow
def test_checkpoints_may_lie_on_another_disk(compiled, tmp_path, monkeypatch):
  path, disk = tmp_path / 'run', disks.other_disk(monkeypatch, tmp_path)
  try:
    path.mkdir()
    (path / 'checkpoints').symlink_to(disk)
    run(path, 5)
    run(path, 10, resume=True)
    assert learner_steps(path) == [
        (BLOCK * (i + 3), 5 * (i + 1)) for i in range(8)
    ]
    assert sorted(found.name for found in disk.iterdir()) == [
        '000000000100',
        '000000000200',
    ]
    first, second = (
        found.stat().st_size
        for found in sorted(disk.glob('*/replay/*/items.tfrecord'))
    )
    assert second > 1.8 * first
  finally:
    shutil.rmtree(disk)


@pytest.mark.slow
def test_a_replay_that_was_changed_is_no_checkpoint(compiled, tmp_path):
  run(tmp_path / 'run', 10)
  newest = checkpoints.newest(tmp_path / 'run')
  (chunks,) = newest.glob('replay/*/chunks.tfrecord')
  content = bytearray(chunks.read_bytes())
  content[len(content) // 2] ^= 1
  chunks.write_bytes(content)
  with pytest.warns(UserWarning, match='chunks.tfrecord is not what was writt'):
    assert checkpoints.newest(tmp_path / 'run').name == '000000000100'


@pytest.mark.parametrize(
    'error',
    [
        # Reverb's error when a disk is full, and another one that it may raise.
        IndexError('chunks.tfrecord; No space left on device'),
        pytest.param(
            RuntimeError('No space left on device'), marks=pytest.mark.slow
        ),
    ],
)
def test_a_full_disk_ends_the_run_with_a_sentence(
    compiled, tmp_path, monkeypatch, error
):
  def full(self):
    raise error

  monkeypatch.setattr(reverb.Client, 'checkpoint', full)
  with pytest.raises(OSError, match='cannot write the replay: .*No space left'):
    run(tmp_path / 'run', 5)
  assert not list((tmp_path / 'run').glob('checkpoints/*'))
  assert not (tmp_path / 'run' / 'replay.tmp').exists()


@pytest.mark.slow
def test_a_run_continues_while_its_replay_is_written(
    compiled, tmp_path, monkeypatch
):
  path, checkpoint = tmp_path / 'run', reverb.Client.checkpoint
  seen = []

  def slow(self):
    deadline = time.monotonic() + 60.0
    while learner_steps(path)[-1][0] <= 140 and time.monotonic() < deadline:
      time.sleep(0.1)
    seen.append(learner_steps(path)[-1][0])
    return checkpoint(self)

  monkeypatch.setattr(reverb.Client, 'checkpoint', slow)
  run(path, 8)
  # That of step 100 was begun then, and that of the end waited for it.
  assert seen[0] > 140
  assert [found.name for found in checkpoints.paths(path / 'checkpoints')] == [
      '000000000100',
      '000000000160',
  ]
  first = path / 'checkpoints' / '000000000100' / 'state.json'
  assert json.loads(first.read_text())['learner_steps'] == 15
  monkeypatch.undo()
  run(path, 10, resume=True)
  assert learner_steps(path) == [
      (BLOCK * (i + 3), 5 * (i + 1)) for i in range(8)
  ]


def test_a_replay_that_cannot_be_written_is_reported_at_once(
    compiled, tmp_path, monkeypatch
):
  def full(self):
    raise IndexError('No space left on device')

  monkeypatch.setattr(reverb.Client, 'checkpoint', full)
  with pytest.raises(OSError, match='No space left'):
    run(tmp_path / 'run', 1000)
  # Before the next checkpoint is due.
  assert 100 < learner_steps(tmp_path / 'run')[-1][0] < 200


@pytest.mark.slow
def test_a_replay_that_is_never_written_ends_the_run(
    compiled, tmp_path, monkeypatch, fall_silent
):
  def hangs(self):
    fall_silent()
    threading.Event().wait()

  monkeypatch.setattr(reverb.Client, 'checkpoint', hangs)
  with pytest.raises(OSError, match='localhost:.* is silent'):
    run(tmp_path / 'run', 5)
  assert not list((tmp_path / 'run').glob('checkpoints/*'))


@pytest.mark.slow
def test_an_interrupted_run_completes_the_checkpoint_it_is_writing(
    compiled, tmp_path, monkeypatch
):
  checkpoint, update = reverb.Client.checkpoint, display.Display.update

  def slow(self):
    time.sleep(3.0)
    return checkpoint(self)

  def interrupted(self, env_steps, status):
    if env_steps > 120:
      raise KeyboardInterrupt
    update(self, env_steps, status)

  monkeypatch.setattr(reverb.Client, 'checkpoint', slow)
  monkeypatch.setattr(display.Display, 'update', interrupted)
  with pytest.raises(KeyboardInterrupt):
    run(tmp_path / 'run', 10)
  assert checkpoints.newest(tmp_path / 'run').name == '000000000100'
  assert not list((tmp_path / 'run' / 'checkpoints').glob('*.tmp'))


@pytest.mark.slow
def test_without_its_replay_a_run_is_not_resumed(compiled, tmp_path):
  """It would wait for samples for ever."""
  path = tmp_path / 'run'
  run(path, 5)
  newest = checkpoints.newest(path)
  shutil.rmtree(newest / 'replay')
  manifest = json.loads((newest / 'manifest.json').read_text())
  (newest / 'manifest.json').write_text(
      json.dumps(
          {
              name: digest
              for name, digest in manifest.items()
              if not name.startswith('replay/')
          }
      )
  )
  with pytest.raises(ValueError, match='holds no replay to resume with'):
    run(path, 10, resume=True)
  assert not (path / 'replay.tmp').exists()


@pytest.mark.slow
def test_acting_does_not_need_the_replay(compiled, tmp_path):
  path = tmp_path / 'run'
  run(path, 5)
  shutil.rmtree(checkpoints.newest(path) / 'replay')
  assert checkpoints.load_policy(path, 'shared').env_steps == 100
