"""Searches settings: runs a launcher with many flags, and compares the scores.

  python launchers/sweep.py --launcher=run_distral --output_dir=runs/sweep \\
    --run_flagfile=launchers/flags/distral_mt10.cfg \\
    --run_flags='--suite=MT/push-v3,drawer-open-v3' --num_env_steps=1000000 \\
    --search='kl_cost=0.03 0.1' --search='noise_colors=0 0,0.5' --seeds=100,101

Each run has one core. With --sampler=random or --sampler=tpe a flag may have a
range: --search='learning_rate=log 1e-4..1e-3'. Settings that fall behind are
stopped. The same command resumes an interrupted sweep, also after Ctrl-C.
Choose settings by seeds other than those that you report. Writes sweep.csv and
sweep.png. Needs Optuna: pip install 'acme-distillery[sweep]'.
"""

from __future__ import annotations

import functools
import importlib.util
import typing

from absl import flags
from distillery.launchers.common import flag_utils
from distillery.launchers.studies import jobs as study_jobs
from distillery.launchers.studies import search_spaces
from distillery.launchers.studies import study_flags

if typing.TYPE_CHECKING:
  from distillery.launchers.studies import searches

_STUDY = study_flags.StudyFlags(
    seeds='100', num_env_steps=1_000_000, output_dir='runs/sweep'
)
_SEARCH = flags.DEFINE_multi_string(
    'search',
    [],
    "A flag of the launcher and its values, 'name=1 2 3', or their range, "
    "'name=1..10' or 'name=log 0.001..0.1'. Give this flag once for each.",
)
_SAMPLER = flags.DEFINE_enum(
    'sampler',
    'grid',
    ['grid', 'random', 'tpe'],
    'How settings are chosen: all combinations, at random, or by the tree of '
    'Parzen estimators, which tries more often what did well.',
)
_TRIALS = flags.DEFINE_integer(
    'num_trials',
    20,
    'The number of settings that are tried; a grid has its own number.',
    lower_bound=1,
)
_POLICY = flags.DEFINE_enum(
    'policy', 'task', ['task', 'shared'], 'The policy whose score counts.'
)
_PRUNE = flags.DEFINE_bool(
    'prune',
    True,
    'Whether a setting is stopped after a third of its steps if it is below '
    'the median of the others at that step.',
)


def main(_):
  if importlib.util.find_spec('optuna') is None:
    raise ValueError(
        'sweep.py needs Optuna; install it by '
        "pip install -c constraints.txt -e '.[sweep]'."
    )
  from distillery.launchers.studies import searches
  from distillery.launchers.studies import sweep_results

  sweep = _sweep()
  _check_flags(sweep)
  output_dir = _STUDY.make_output_dir()
  search = searches.Search(sweep, output_dir, _STUDY.num_parallel)
  search.run(functools.partial(sweep_results.write, output_dir, sweep))
  print((output_dir / 'sweep.csv').read_text(), end='')
  print(f'Results are in {output_dir}')
  search.check()


def _sweep() -> searches.Sweep:
  from distillery.launchers.studies import searches

  if not _SEARCH.value:
    raise ValueError("search: got none, want at least one, 'name=1 2 3'.")
  sweep = searches.Sweep(
      space=search_spaces.parse_space(_SEARCH.value),
      sampler=_SAMPLER.value,
      num_trials=_TRIALS.value,
      policy=_POLICY.value,
      prune=_PRUNE.value,
      **_STUDY.settings(),
  )
  if sweep.sampler == 'grid':
    search_spaces.grid(sweep.space)  # Raises an error if a flag has a range.
  return sweep


def _check_flags(sweep: searches.Sweep) -> None:
  """Checks every value by itself, so that no sweep ends in its last run.

  Raises:
    ValueError: if the launcher refuses one.
  """
  for name, each in sweep.space.items():
    texts = (
        each.texts
        if isinstance(each, search_spaces.Values)
        else [f'{end:g}' for end in (each.low, each.high)]
    )
    for text in texts:
      study_jobs.check_flags(
          sweep.launcher, sweep.flagfile, [*sweep.flags, f'--{name}={text}']
      )


if __name__ == '__main__':
  flag_utils.run(main, errors=(study_jobs.RunsFailed,))
