"""Remakes the tables of "Multi-task learning for continuous control".

  python launchers/study_a2c.py --output_dir=runs/a2c_study

Arora et al. 2018 train on six half-cheetahs. Table 2 compares training from
scratch, one network with a head for each body, and distillation. In table 1 the
last layers are tuned on another body. Each run has one core. Finished runs are
kept, and the same command resumes interrupted ones. Writes table1.csv and
table2.csv.
"""

import pathlib
import subprocess
import sys
from typing import Any, Dict, List, Sequence

from absl import flags
from distillery.agents.core.run_files import curves
from distillery.agents.core.run_files import run_directory
from distillery.environments.half_cheetah import bodies
from distillery.launchers.common import flag_utils
from distillery.launchers.common import run_options
from distillery.launchers.figures import studies as study_figures
from distillery.launchers.studies import jobs as study_jobs

_FOLDER = pathlib.Path(__file__).resolve().parent
_MILLION = 1_000_000
# Normalised rewards are smaller by a factor of some tens, and the entropy bonus
# would dominate them. The study's code normalises rewards too, and there its
# bonus has no effect.
_NORMALIZED = ('--normalize_rewards', '--entropy_cost=0')
_FIRST, _SECOND = 'SmallFoot', 'SmallLeg'
# The mean returns that the study reports, each from one training seed.
_PUBLISHED = {
    'scratch': (1326.30, 37.80, 1420.77, 1444.21, 2116.10, 1312.50),
    'distillation': (1348.30, -63.07, 1413.55, 838.35, 2116.94, 1323.61),
    'multi_head': (1480.89, 2188.11, 1525.09, 1874.04, 2276.11, 1428.97),
}
_PUBLISHED_TUNED = {  # The return on the first body, on the second.
    'scratch': (1582.78, 1536.16),
    'first to second, 1M': (1530.26, 1532.70),
    'first to second, 5M': (1500.76, 1568.66),
    'second to first, 1M': (1600.31, 1498.45),
    'second to first, 5M': (1493.02, 1425.64),
}

_OUTPUT_DIR = flag_utils.define_path(
    'output_dir',
    'runs/study_a2c',
    'the directory for the runs and the tables; it may hold some of them '
    'already',
)
_SEEDS = flags.DEFINE_integer(
    'num_seeds', 3, 'the number of seeds of each run', lower_bound=1
)
_SCALE = flags.DEFINE_float(
    'scale',
    1.0,
    'the factor of the number of steps; 1: as in the study',
    lower_bound=0.0,
)
_PARALLEL = flags.DEFINE_integer(
    'num_parallel',
    0,
    'the number of runs at a time; 0: one for each usable core',
    lower_bound=0,
)
_TABLES = flags.DEFINE_multi_enum(
    'table', ['1', '2'], ['1', '2'], 'the tables to make'
)


def _job(
    name: str,
    flagfile: str,
    seed: int,
    millions: int,
    *more: str,
    launcher: str = 'run_a2c.py',
) -> study_jobs.Job:
  return study_jobs.Job(
      pathlib.Path(name, f'seed{seed}'),
      launcher,
      flagfile,
      ('--evaluation_episodes=20', *more),
      seed,
      int(_SCALE.value * millions * _MILLION),
  )


def _table2_jobs(seed: int) -> List[Dict[str, study_jobs.Job]]:
  """Returns a seed's jobs by column: first the teachers, then the students."""
  scratch, heads = 'a2c_half_cheetah_scratch.cfg', 'a2c_half_cheetah.cfg'
  first = {
      'scratch': _job('scratch', scratch, seed, 18),
      'multi_head': _job('multi_head', heads, seed, 6),
      'scratch, rewards normalised, no bonus': _job(
          'scratch_normalized_no_bonus', scratch, seed, 18, *_NORMALIZED
      ),
      'multi_head, rewards normalised, no bonus': _job(
          'multi_head_normalized_no_bonus', heads, seed, 6, *_NORMALIZED
      ),
  }
  students = {
      'distillation': ('distillation', ()),
      # Twice as wide as each of its six teachers.
      'distillation, 2 x 128': (
          'distillation_128',
          ('--hidden_sizes=128,128',),
      ),
  }
  return [
      first,
      {
          column: _job(
              folder,
              'distillation_half_cheetah.cfg',
              seed,
              6,
              f'--teachers={first["scratch"].folder}',
              *more,
              launcher='run_distillation.py',
          )
          for column, (folder, more) in students.items()
      },
  ]


def _table1_jobs(seed: int) -> List[Dict[str, study_jobs.Job]]:
  """Returns one seed's jobs by row: first the bases, then the tuned ones."""
  scratch = 'a2c_half_cheetah_scratch.cfg'
  bases = {
      body: _job(
          f'base_{body}', scratch, seed, 5, f'--suite=HALF_CHEETAH/{body}'
      )
      for body in (_FIRST, _SECOND)
  }
  tuned = {}
  for way, begin, end in (
      ('first to second', _FIRST, _SECOND),
      ('second to first', _SECOND, _FIRST),
  ):
    for millions in (1, 5):
      tuned[f'{way}, {millions}M'] = _job(
          f'{way.replace(" ", "_")}_{millions}M',
          scratch,
          seed,
          millions,
          f'--suite=HALF_CHEETAH/{end}',
          '--trainable=last',
          f'--initial_run={bases[begin].folder}',
      )
  return [{f'scratch, {body}': job for body, job in bases.items()}, tuned]


def _interval(values: Sequence[float]) -> Dict[str, Any]:
  """Returns the mean over seeds, and half of its 95 % interval."""
  average = study_figures.mean(values)
  return {
      'mean': round(average.value, 1),
      'half_interval': round(average.half_interval, 1),
      'seeds': len(values),
  }


def _table2(
    runner: study_jobs.Runner, columns: Dict[str, List[study_jobs.Job]]
) -> List[Dict[str, Any]]:
  rows = []
  for column, jobs in columns.items():
    for i, body in enumerate(bodies.BODIES):
      values = [
          [e.return_ for e in runner.evaluations(job) if e.task == body][-1]
          for job in jobs
          if runner.is_whole(job)
      ]
      if values:
        rows.append(
            {
                'column': column,
                'body': body,
                **_interval(values),
                'published': _PUBLISHED.get(column, [''] * 6)[i],
            }
        )
  return rows


def _table1(
    runner: study_jobs.Runner, lines: Dict[str, List[study_jobs.Job]]
) -> List[Dict[str, Any]]:
  rows = []
  for line, jobs in lines.items():
    whole = [job for job in jobs if runner.is_whole(job)]
    for i, body in enumerate((_FIRST, _SECOND)):
      values = [_return_on(runner.run_dir(job), body) for job in whole]
      if values:
        kind = 'scratch' if line.startswith('scratch') else line
        rows.append(
            {
                'row': line,
                'on': body,
                **_interval(values),
                'published': _PUBLISHED_TUNED[kind][i]
                if (kind != 'scratch' or line.endswith(body))
                else '',
            }
        )
  return rows


def _return_on(run_dir: pathlib.Path, body: str) -> float:
  """Returns the mean return of a run's policy on a body, which may be new."""
  suite = f'HALF_CHEETAH/{body}'
  path = run_dir / f'evaluation_task_{suite.replace("/", "-")}.csv'
  if not path.exists():
    subprocess.run(
        [
            sys.executable,
            str(_FOLDER / 'evaluate.py'),
            f'--run_dir={run_dir}',
            f'--suite={suite}',
            '--episodes_per_task=20',
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
  return curves.read_evaluations(path)[0].return_


def main(_):
  output_dir = pathlib.Path(_OUTPUT_DIR.value)
  output_dir.mkdir(parents=True, exist_ok=True)
  _check_scale(output_dir / 'scale.json')
  runner = study_jobs.Runner(
      output_dir, _PARALLEL.value or run_options.usable_cores()
  )
  tables = [
      (number, table, [jobs_of(seed) for seed in range(_SEEDS.value)])
      for number, jobs_of, table in (
          ('2', _table2_jobs, _table2),
          ('1', _table1_jobs, _table1),
      )
      if number in _TABLES.value
  ]
  # Checks all jobs now, also those that start after hours.
  jobs = [
      job
      for _, _, seeds in tables
      for of_seed in seeds
      for stage in of_seed
      for job in stage.values()
  ]
  runner.check_begun(jobs)
  for number, table, seeds in tables:
    runner.make([job for first, _ in seeds for job in first.values()])
    # A student of an unfinished teacher, or base, would never be made again.
    runner.make(
        [
            job
            for first, second in seeds
            if all(map(runner.is_whole, first.values()))
            for job in second.values()
        ]
    )
    names = [name for stage in seeds[0] for name in stage]
    rows = table(
        runner,
        {
            name: [{**of_seed[0], **of_seed[1]}[name] for of_seed in seeds]
            for name in names
        },
    )
    if rows:
      path = output_dir / f'table{number}.csv'
      run_directory.write_csv(path, rows)
      print(path.read_text(), end='')
  runner.write_versions()
  print(f'Results are in {output_dir}')
  runner.check()


def _check_scale(path: pathlib.Path) -> None:
  """Checks that the directory holds only runs of the same scale.

  A student keeps what it got from a shorter teacher, so lengths must not be
  mixed.
  """
  if _SCALE.value <= 0.0:
    raise ValueError(f'scale: got {_SCALE.value}, want a number above 0')
  begun = (
      path.read_text(errors='replace').strip()
      if path.exists()
      else str(_SCALE.value)
  )
  if begun != str(_SCALE.value):
    raise ValueError(
        f'scale: got {_SCALE.value}, but {path.parent} holds a study of scale '
        f'{begun}; want that scale, or another directory'
    )
  path.write_text(f'{_SCALE.value}\n')


if __name__ == '__main__':
  flag_utils.run(
      main, errors=(subprocess.CalledProcessError, study_jobs.RunsFailed)
  )
