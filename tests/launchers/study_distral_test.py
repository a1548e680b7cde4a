"""The study of Distral's algorithms: what it runs, resumes and draws."""

import csv
import json

from distillery.agents.core.run_files import curves
from distillery.agents.core.run_files import run_directory
from distillery.agents.distral import config as distral_config
from distillery.launchers.figures import studies as study_figures
from distillery.launchers.studies import distral_family
from distillery.launchers.studies import jobs as study_jobs
from helpers import launches
from matplotlib import image
import pytest

LAUNCHER = launches.FOLDER / 'study_distral.py'
FLAGFILES = sorted(
    path
    for path in LAUNCHER.parent.glob('flags/distral_*.cfg')
    if path.stem in ('distral_mazes', 'distral_navigation')
)


def launch(*arguments, **kwargs):
  return launches.launch(*arguments, program=(LAUNCHER,), **kwargs)


# Architecture, exponent of pi_0, the part of the costs that is the KL's, and
# regulariser: by hand, from table 1 of the paper, which has no exponent for
# A3C 2col.
TABLE_1 = {
    'A3C': ('separate', None, 0.0, 'bonus'),
    'A3C multitask': ('shared', None, 0.0, 'bonus'),
    'A3C 2col': ('two_column', 0.5, 0.0, 'bonus'),
    'KL 1col': ('separate', None, 1.0, 'exact'),
    'KL+ent 1col': ('separate', None, 0.5, 'exact'),
    'KL 2col': ('two_column', 1.0, 1.0, 'exact'),
    'KL+ent 2col': ('two_column', 0.5, 0.5, 'exact'),
}


@pytest.mark.parametrize('path', FLAGFILES, ids=lambda path: path.stem)
@pytest.mark.parametrize('name', distral_family.ALGORITHMS)
def test_each_of_the_seven_is_a_config_of_table_1(path, name, tmp_path):
  algorithm = distral_family.ALGORITHMS[name]
  flagfile = tmp_path / 'flags.cfg'
  flagfile.write_text(
      path.read_text() + '\n'.join(algorithm.flags(0.02)) + '\n'
  )
  config, _, _ = launches.read_flagfile(flagfile, distral_config.DistralConfig)
  architecture, logits_alpha, kl_share, regularizer = TABLE_1[name]
  assert config.architecture == architecture
  if logits_alpha is not None:
    assert config.logits_alpha == logits_alpha
  assert config.kl_cost == pytest.approx(0.02 * kl_share)
  assert config.entropy_cost == pytest.approx(0.02 * (1.0 - kl_share))
  assert config.regularizer == regularizer


def evaluations(values, policies=('task', 'shared'), tasks=('a', 'b')):
  return [
      curves.Evaluation(
          100 * i,
          0.0,
          policy,
          task,
          'train',
          value / 10.0,
          value + (task == 'b'),
      )
      for i, value in enumerate(values)
      for policy in policies
      for task in tasks
  ]


def test_a_score_is_the_mean_of_the_last_tenth():
  values = [0.0] * 18 + [4.0, 6.0]
  assert study_figures.score(
      evaluations(values), 'task', 'return'
  ) == pytest.approx(5.5)
  assert study_figures.score(
      evaluations(values), 'task', 'success'
  ) == pytest.approx(0.5)
  shared_alone = evaluations(values, policies=('shared',))
  assert study_figures.score(shared_alone, 'task', 'return') == pytest.approx(
      5.5
  )


def test_a_summary_ranks_the_runs_it_was_given(tmp_path):
  from distillery.launchers.studies import distral_runs

  runs = {}
  for algorithm, base in (('A3C', 1.0), ('KL 2col', 9.0)):
    for cost in (0.1, 0.2):
      for seed in (0, 1):
        run = distral_runs.Run(algorithm, cost, 1e-3, seed, 200)
        runs[run] = evaluations([0.0, base, base + 10.0 * cost + seed])
  # One that has failed is no final score.
  runs[distral_runs.Run('KL 2col', 0.3, 1e-3, 0, 200)] = evaluations(
      [90.0, 95.0]
  )
  study_figures.write(tmp_path, 'mazes', 'return', runs)
  with open(tmp_path / 'summary.csv', newline='', encoding='utf-8') as f:
    rows = {(row['policy'], row['algorithm']): row for row in csv.DictReader(f)}
  best = rows['task', 'KL 2col']
  # The scores are 10.5, 11.5 and 11.5, 12.5.
  assert float(best['mean']) == pytest.approx(11.5)
  assert float(best['best']) == pytest.approx(12.5)
  assert float(best['above_half_of_best']) == 1.0
  assert best['best_setting'] == 'cost 0.2, rate 0.001'
  assert float(rows['task', 'A3C']['above_half_of_best']) == 0.0
  # A deviation of sqrt(2 / 3), and 3.182 of Student's t with 3 degrees.
  assert float(best['half_interval']) == pytest.approx(1.299)
  assert float(best['percentile_10']) == pytest.approx(10.8)
  assert (tmp_path / 'study.png').stat().st_size > 10_000
  with open(tmp_path / 'curves.csv', newline='', encoding='utf-8') as f:
    assert len(list(csv.DictReader(f))) == 8 * 2 * 3 + 2 * 2


def test_a_picture_that_cannot_be_drawn_leaves_the_tables(tmp_path, capsys):
  from distillery.launchers.studies import distral_runs

  (tmp_path / 'study.png').mkdir()
  study_figures.write(
      tmp_path,
      'mazes',
      'return',
      {distral_runs.Run('A3C', 0.1, 1e-3, 0, 200): evaluations([0.0, 1.0])},
  )
  assert 'warning: cannot write' in capsys.readouterr().out
  assert (tmp_path / 'summary.csv').exists()


def test_single_runs_are_drawn_as_curves_alone(tmp_path):
  from distillery.launchers.studies import distral_runs

  heights = []
  for num_seeds in (1, 2):
    study_figures.write(
        tmp_path,
        'mazes',
        'return',
        {
            distral_runs.Run(algorithm, 0.1, 1e-3, seed, 200): evaluations(
                [0.0, 1.0]
            )
            for algorithm in ('A3C', 'KL 2col')
            for seed in range(num_seeds)
        },
    )
    heights.append(image.imread(tmp_path / 'study.png').shape[0])
  assert heights[1] == 2 * heights[0]


def test_a_run_with_other_flags_is_not_continued(tmp_path):
  from distillery.launchers.studies import distral_runs

  study = distral_runs.STUDIES['mazes']
  job = distral_runs.Run('A3C', 0.1, 1e-3, 0, 200).job(study)
  checkpoint = tmp_path / job.folder / 'checkpoints' / '000000000200'
  checkpoint.mkdir(parents=True)
  (checkpoint / 'manifest.json').write_text('{}')
  (tmp_path / job.folder / 'evaluation.csv').write_text(
      'env_steps,wall_s,policy,task,split,episodes,success,return\n'
      '200,1,task,a,train,1,0,0\n'
  )
  record = (tmp_path / job.folder).with_name('seed0.cfg')
  runner = study_jobs.Runner(tmp_path, 1)
  record.write_text('\n'.join(runner._settings(job)) + '\n')
  runner.make([job])
  for changed in (
      job._replace(flags=(*job.flags, '--kl_cost=1')),
      job._replace(flagfile='distral_mt10.cfg'),
  ):
    with pytest.raises(
        ValueError, match='seed0 was started with other flags, .*--kl_cost='
    ):
      runner.make([changed])
  record.unlink()
  with pytest.raises(ValueError, match='seed0 was not made by this study'):
    runner.make([job])


def test_a_study_says_which_revision_made_each_run(tmp_path):
  from distillery.launchers.studies import distral_runs

  jobs = [
      distral_runs.Run('A3C', 0.1, 1e-3, seed, 200).job(
          distral_runs.STUDIES['mazes']
      )
      for seed in range(3)
  ]
  for job, revision in zip(jobs[:2], 'ab'):  # The third was not begun.
    (tmp_path / job.folder).mkdir(parents=True)
    (tmp_path / job.folder / 'versions.json').write_text(
        json.dumps({'git_revision': revision})
    )
  study_jobs.Runner(tmp_path, 1).write_versions()
  found = json.loads((tmp_path / 'versions.json').read_text())
  assert found['runs'] == {
      str(job.folder): revision for job, revision in zip(jobs, 'ab')
  }
  assert found['git_revision'] == run_directory.versions()['git_revision']


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_study_is_made_once_and_continues_where_it_stopped(tmp_path):
  study = (
      '--study=mazes',
      '--num_seeds=1',
      '--algorithms=A3C multitask',
      '--output_dir=out',
  )
  first = launch(*study, '--num_env_steps=2560', cwd=tmp_path)
  assert (first.returncode, first.stderr) == (0, '')
  assert '0 of 4 runs are there' in first.stdout
  again = launch(*study, '--num_env_steps=2560', cwd=tmp_path)
  assert '4 of 4 runs are there' in again.stdout
  # More steps: the same runs go on.
  more = launch(*study, '--num_env_steps=5120', cwd=tmp_path)
  assert '0 of 4 runs are there' in more.stdout and not more.stderr
  rows = launches.rows_of(
      tmp_path / 'out/A3C_multitask/cost0.01_rate0.001/seed0/evaluation.csv'
  )
  assert {row['env_steps'] for row in rows} == {'0', '2560', '5120'}
  assert (tmp_path / 'out' / 'study.png').exists()


def test_an_unknown_algorithm_is_refused(tmp_path):
  launches.assert_refused(
      launch('--algorithms=A3C,PPO', cwd=tmp_path),
      r"algorithms: got \['PPO'\], want some of A3C, A3C multitask",
  )
  assert not (tmp_path / 'runs').exists()
