"""Measures what each piece of a recipe is worth: takes each out alone.

  python launchers/ablate.py --output_dir=runs/ablation \\
    --run_flagfile=launchers/flags/distral_mt10.cfg --num_env_steps=5000000 \\
    --without='colors: --noise_colors=0' \\
    --without='short episodes: --train_episode_steps=0 --unroll_length=500'

Makes runs with the whole recipe, and runs without each piece, with every seed.
Each run has one core. The same command resumes an interrupted ablation, also
after Ctrl-C. Writes ablation.csv, with the difference to the whole recipe and
its 95 % interval, and ablation.png.
"""

import pathlib
import shlex

from absl import flags
from distillery.launchers.common import flag_utils
from distillery.launchers.common import run_options
from distillery.launchers.studies import ablations
from distillery.launchers.studies import jobs as study_jobs

_LAUNCHER = flags.DEFINE_enum(
    'launcher',
    'run_distral',
    study_jobs.LAUNCHERS,
    'The launcher that makes the runs.',
)
_RUN_FLAGFILE = flag_utils.define_path(
    'run_flagfile', '', 'The flagfile of the recipe. Empty: none.'
)
_RUN_FLAGS = flags.DEFINE_string(
    'run_flags', '', 'More flags of all runs, as one text.'
)
_WITHOUT = flags.DEFINE_multi_string(
    'without',
    [],
    "A piece and the flags that take it out, 'name: --flag=value'. Give this "
    'flag once for each piece.',
)
_SEEDS = flags.DEFINE_list(
    'seeds', ['0', '1', '2'], 'The seeds of each, with commas between them.'
)
_STEPS = flags.DEFINE_integer(
    'num_env_steps',
    5_000_000,
    'The number of environment steps of a run, summed over all tasks.',
    lower_bound=1,
)
_METRIC = flags.DEFINE_enum(
    'metric', 'success', ['success', 'return'], 'The score.'
)
_OUTPUT_DIR = flag_utils.define_path(
    'output_dir', 'runs/ablation', 'The directory of the ablation.'
)
_PARALLEL = flags.DEFINE_integer(
    'num_parallel',
    0,
    'The number of runs at a time; 0: one for each usable core.',
    lower_bound=0,
)


def main(_):
  ablation = ablations.Ablation(
      launcher=f'{_LAUNCHER.value}.py',
      flagfile=_RUN_FLAGFILE.value
      and str(pathlib.Path(_RUN_FLAGFILE.value).resolve()),
      flags=tuple(shlex.split(_RUN_FLAGS.value)),
      pieces=ablations.parse_pieces(_WITHOUT.value),
      seeds=flag_utils.parse_seeds(_SEEDS.value),
      num_env_steps=_STEPS.value,
      metric=_METRIC.value,
  )
  for piece in ablation.pieces:
    study_jobs.check_flags(
        ablation.launcher, ablation.flagfile, [*ablation.flags, *piece.flags]
    )
  output_dir = pathlib.Path(_OUTPUT_DIR.value)
  output_dir.mkdir(parents=True, exist_ok=True)
  runner = study_jobs.Runner(
      output_dir, _PARALLEL.value or run_options.usable_cores()
  )
  runner.make(
      [
          ablation.job(piece, seed)
          for seed in ablation.seeds
          for piece in ablation.pieces
      ]
  )
  ablations.write(output_dir, ablation, runner)
  runner.write_versions()
  print((output_dir / 'ablation.csv').read_text(), end='')
  print(f'Results are in {output_dir}')
  runner.check()


if __name__ == '__main__':
  flag_utils.run(main, errors=(study_jobs.RunsFailed,))
