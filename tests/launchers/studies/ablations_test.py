"""Ablations: what is read, what is run and what the table says."""

import csv
import sys

from distillery.agents.core.run_files import run_directory
from distillery.launchers.studies import ablations
from distillery.launchers.studies import jobs
import numpy as np
import pytest
from scipy import stats

pytestmark = pytest.mark.timeout(120)

# A run that takes the place of a launcher: the task policies have the score of
# the last flag, plus a hundredth of the seed, and pi_0 has half of it.
RUN = """
import os, sys
folder, score, seed, fails = sys.argv[1:]
if fails == score:
  sys.exit(1)
os.makedirs(folder + '/checkpoints/30')
with open(folder + '/evaluation.csv', 'w') as f:
  f.write({header!r})
  for steps in (0, 30):
    for policy, share in (('task', 1.0), ('shared', 0.5)):
      value = share * (float(score) + int(seed) / 100)
      f.write(f'{{steps}},1.0,{{policy}},a,train,5,{{value}},0.0\\n')
open(folder + '/checkpoints/30/manifest.json', 'w').write('{{}}')
""".format(header=','.join(run_directory.EVALUATION_COLUMNS) + '\n')
FAILS = ['none']


@pytest.fixture
def make(tmp_path, monkeypatch):
  """Returns a function that makes an ablation and reads its table."""

  def command(self, job, is_begun):
    score = job.flags[-1].partition('=')[2]
    return [
        *(sys.executable, '-c', RUN, str(job.folder)),
        *(score, str(job.seed), FAILS[0]),
    ]

  monkeypatch.setattr(jobs.Runner, '_command', command)
  monkeypatch.setattr(jobs, '_POLL_S', 0.05)

  def ablate(*texts, seeds=(0, 1, 2), fails='none'):
    FAILS[0] = fails
    ablation = ablations.Ablation(
        launcher='run_distral.py',
        flagfile='',
        flags=('--kl_cost=0.9',),
        pieces=ablations.parse_pieces(texts),
        seeds=seeds,
        num_env_steps=30,
        metric='success',
    )
    runner = jobs.Runner(tmp_path, 2)
    runner.make(
        [
            ablation.job(piece, seed)
            for seed in seeds
            for piece in ablation.pieces
        ]
    )
    ablations.write(tmp_path, ablation, runner)
    with open(tmp_path / 'ablation.csv', newline='') as f:
      return list(csv.DictReader(f))

  return ablate


def test_a_row_has_the_difference_to_the_whole_recipe(make, tmp_path):
  rows = make('colors: --kl_cost=0.5', 'wide noise: --a=1 --kl_cost=0.8')
  assert [(row['policy'], row['without']) for row in rows] == [
      (policy, without)
      for policy in ('task', 'shared')
      for without in ('nothing', 'colors', 'wide noise')
  ]
  whole, colors = rows[:2]
  assert float(whole['success']) == pytest.approx(0.91)
  assert float(whole['difference']) == 0.0
  assert float(colors['success']) == pytest.approx(0.51)
  assert float(colors['difference']) == pytest.approx(-0.4)
  assert float(rows[4]['difference']) == pytest.approx(-0.2)
  # Two means of three values with the deviation s: the deviation of their
  # difference is s sqrt(2 / 3), with 4 degrees of freedom.
  half = stats.t.ppf(0.975, 4) * 0.01 * np.sqrt(2 / 3)
  assert float(colors['difference_low']) == pytest.approx(-0.4 - half, abs=1e-4)
  assert float(colors['difference_high']) == pytest.approx(
      -0.4 + half, abs=1e-4
  )
  assert (tmp_path / 'ablation.png').stat().st_size > 10_000
  assert (tmp_path / 'without' / 'wide_noise' / 'seed2').is_dir()


def test_a_piece_without_finished_runs_has_no_row(make):
  rows = make('colors: --kl_cost=0.5', fails='0.5')
  assert [row['without'] for row in rows] == ['nothing'] * 2
  rows = make('colors: --kl_cost=0.5')
  assert [row['without'] for row in rows] == ['nothing', 'colors'] * 2


def test_one_seed_has_no_interval(make):
  rows = make('colors: --kl_cost=0.5', seeds=(0,))
  assert {row['difference_low'] for row in rows} == {'nan'}


@pytest.mark.parametrize(
    'texts, said',
    [
        ([], 'got none'),
        (['colors'], "got 'colors', want 'name: --flag=value'"),
        (['../x: --a=1'], "got '../x: --a=1'"),
        (['a: --a=1', 'a: --b=1'], 'got a twice'),
        (['nothing: --a=1'], 'got nothing twice'),
    ],
)
def test_what_it_refuses(texts, said):
  with pytest.raises(ValueError, match='^without: ') as error:
    ablations.parse_pieces(texts)
  assert said in str(error.value)
