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

from absl import flags
from distillery.launchers.common import flag_utils
from distillery.launchers.studies import ablations
from distillery.launchers.studies import jobs as study_jobs
from distillery.launchers.studies import study_flags

_STUDY = study_flags.StudyFlags(
    seeds='0,1,2', num_env_steps=5_000_000, output_dir='runs/ablation'
)
_WITHOUT = flags.DEFINE_multi_string(
    'without',
    [],
    "A piece and the flags that take it out, 'name: --flag=value'. Give this "
    'flag once for each piece.',
)


def main(_):
  ablation = ablations.Ablation(
      pieces=ablations.parse_pieces(_WITHOUT.value), **_STUDY.settings()
  )
  for piece in ablation.pieces:
    study_jobs.check_flags(
        ablation.launcher, ablation.flagfile, [*ablation.flags, *piece.flags]
    )
  output_dir = _STUDY.make_output_dir()
  runner = study_jobs.Runner(output_dir, _STUDY.num_parallel)
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
