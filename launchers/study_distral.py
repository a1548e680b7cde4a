"""Compares Distral's algorithms: makes all runs of a figure and draws it.

  python launchers/study_distral.py --study=mazes --output_dir=runs/mazes

Each run has one core. Finished runs are kept. The same command resumes
interrupted runs, also after Ctrl-C; with more seeds or steps it makes only what
is missing. Writes curves.csv, summary.csv and study.png, and tuning.csv if the
study first chooses settings.
"""

import pathlib
from typing import List, Sequence

from absl import flags
from distillery.agents.core.run_files import run_directory
from distillery.launchers.common import flag_utils
from distillery.launchers.common import run_options
from distillery.launchers.figures import studies as study_figures
from distillery.launchers.studies import distral_runs
from distillery.launchers.studies import jobs as study_jobs

_STUDY = flags.DEFINE_enum(
    'study', 'mazes', list(distral_runs.STUDIES), 'the study to make'
)
_OUTPUT_DIR = flag_utils.define_path(
    'output_dir',
    '',
    'the directory for the runs and the figure; it may hold some of them '
    'already. Empty: runs/study_<study>',
)
_SEEDS = flags.DEFINE_integer(
    'num_seeds', 3, 'the number of seeds of each setting', lower_bound=1
)
_STEPS = flags.DEFINE_integer(
    'num_env_steps',
    0,
    'the number of environment steps of each run; 0: that of the study',
    lower_bound=0,
)
_PARALLEL = flags.DEFINE_integer(
    'num_parallel',
    0,
    'the number of runs at a time; 0: one for each usable core',
    lower_bound=0,
)
_ALGORITHMS = flags.DEFINE_list(
    'algorithms',
    [],
    'the algorithms to run, with commas between them. Empty: all of the study',
)


def main(_):
  study = distral_runs.STUDIES[_STUDY.value]
  algorithms = list(_ALGORITHMS.value or study.algorithms)
  unknown = sorted(set(algorithms) - set(study.algorithms))
  if unknown:
    raise ValueError(
        f'algorithms: got {unknown}, want some of '
        f'{", ".join(study.algorithms)}'
    )
  output_dir = pathlib.Path(_OUTPUT_DIR.value or f'runs/study_{_STUDY.value}')
  output_dir.mkdir(parents=True, exist_ok=True)
  num_env_steps = _STEPS.value or study.num_env_steps
  seeds = list(range(_SEEDS.value))
  num_parallel = _PARALLEL.value or run_options.usable_cores()
  runner = study_jobs.Runner(output_dir, num_parallel)
  if study.tuning_steps:
    runs = _tuned(
        study,
        algorithms,
        output_dir / 'tuning',
        num_parallel,
        seeds,
        num_env_steps,
    )
  else:
    runs = distral_runs.grid(study, algorithms, seeds, num_env_steps)
  runner.make([run.job(study) for run in runs])
  found = {run: runner.evaluations(run.job(study)) for run in runs}
  found = {
      run: evaluations for run, evaluations in found.items() if evaluations
  }
  if not found:
    runner.check()
  study_figures.write(output_dir, _STUDY.value, study.metric, found)
  runner.write_versions()
  print((output_dir / 'summary.csv').read_text(), end='')
  print(f'Results are in {output_dir}')
  runner.check()


def _tuned(
    study: distral_runs.Study,
    algorithms: Sequence[str],
    tuning_dir: pathlib.Path,
    num_parallel: int,
    seeds: Sequence[int],
    num_env_steps: int,
) -> List[distral_runs.Run]:
  """Returns runs of each algorithm's best setting, chosen by short runs."""
  runner = study_jobs.Runner(tuning_dir, num_parallel)
  tried = distral_runs.grid(study, algorithms, [0], study.tuning_steps)
  runner.make([run.job(study) for run in tried])
  runner.check()  # The choice is only fair if no run is missing.
  scores = {
      run: study_figures.score(
          runner.evaluations(run.job(study)), 'task', study.metric
      )
      for run in tried
  }
  run_directory.write_csv(
      tuning_dir.with_suffix('.csv'),
      [
          {
              'algorithm': run.algorithm,
              'cost': run.cost,
              'learning_rate': run.learning_rate,
              'seed': run.seed,
              'env_steps': study.tuning_steps,
              study.metric: round(value, 4),
          }
          for run, value in scores.items()
      ],
  )
  best = [
      max(
          (run for run in scores if run.algorithm == algorithm),
          key=scores.__getitem__,
      )
      for algorithm in algorithms
  ]
  return [
      run._replace(seed=seed, num_env_steps=num_env_steps)
      for seed in seeds
      for run in best
  ]


if __name__ == '__main__':
  flag_utils.run(main, errors=(study_jobs.RunsFailed,))
