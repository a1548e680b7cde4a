"""Trains DAMSEL: distils an expert of each task into a policy that adapts.

  python launchers/run_damsel.py --flagfile=launchers/flags/damsel_scripted.cfg

or, with experts that SAC has trained,

  python launchers/run_sac.py \\
    --flagfile=launchers/flags/sac_damsel_per_family.cfg --run_dir=runs/experts
  python launchers/run_damsel.py \\
    --flagfile=launchers/flags/damsel_sac_per_family.cfg \\
    --expert_run=runs/experts

If the directory --experts holds no episodes of experts yet, they are made first
and stored there.
"""

import dataclasses
import functools

from distillery.agents.core import config_fields
from distillery.agents.damsel import builder
from distillery.agents.damsel import config as damsel_config
from distillery.agents.damsel import experts
from distillery.environments import base
from distillery.launchers.common import expert_sources
from distillery.launchers.common import flag_utils
from distillery.launchers.common import training


@dataclasses.dataclass(frozen=True)
class ExpertOptions:
  """The options of the experts whose episodes are made if there are none."""

  expert_source: expert_sources.Source = config_fields.field(
      'scripted',
      "The experts: 'scripted' (controllers that know the scene and the "
      "target), 'sac_per_family' (a policy of SAC for each family, which "
      "knows the target) or 'sac_per_task' (a policy of SAC for each task, as "
      'in the paper).',
  )
  expert_run: str = config_fields.field(
      '',
      'The directory of the run of SAC that trained the experts.',
      is_path=True,
  )
  expert_episodes: int = config_fields.field(
      20,
      'The number of successful episodes of each task.',
      config_fields.POSITIVE,
  )
  expert_noise_std: float = config_fields.field(
      0.3,
      "The standard deviation of the noise that is added to the expert's "
      'actions when they are executed, in units of the action. The actions to '
      'imitate are those without noise.',
      config_fields.NOT_NEGATIVE,
  )
  leave_out_failed_experts: bool = config_fields.field(
      False,
      'Whether to train without the tasks that the experts did not solve; '
      'otherwise such a task is an error.',
  )

  def __post_init__(self) -> None:
    config_fields.check_fields(self)


_DAMSEL = flag_utils.define(damsel_config.DamselConfig)
_EXPERTS = flag_utils.define(ExpertOptions)
_RUN = flag_utils.define(flag_utils.RunOptions)


def _make_experts(
    folder: str, options: ExpertOptions, seed: int, suite: base.TaskSuite
) -> None:
  print(f'making {options.expert_source} experts in {folder}', flush=True)
  found, failed = experts.collect(
      suite,
      expert_sources.makers(options.expert_source, options.expert_run, suite),
      source=options.expert_source,
      num_episodes=options.expert_episodes,
      noise_std=options.expert_noise_std,
      seed=seed,
  )
  found.about['run'] = options.expert_run
  experts.write(folder, found)
  if failed and not options.leave_out_failed_experts:
    raise ValueError(
        f'experts did not succeed in {options.expert_episodes} episodes of '
        f'{", ".join(failed)}; --leave_out_failed_experts continues without '
        'them.'
    )


def _with_experts(
    folder: str, options: ExpertOptions, seed: int, suite: base.TaskSuite
) -> base.TaskSuite:
  """Makes the experts if there are none; returns the suite of their tasks."""
  if not experts.exist(folder):
    with experts.held(folder):
      if not experts.exist(folder):
        _make_experts(folder, options, seed, suite)
  found = experts.read(folder)
  print(
      f'experts in {folder}: {found.about.get("source")}, of seed '
      f'{found.about.get("seed")}',
      flush=True,
  )
  asked = {
      'source': options.expert_source,
      'run': options.expert_run,
      'num_episodes': options.expert_episodes,
      'noise_std': options.expert_noise_std,
  }
  for name, want in asked.items():
    if found.about.get(name) != want:
      raise ValueError(
          f'the experts in {folder} have {name} {found.about.get(name)}, '
          f'not {want}; want other flags, or another directory.'
      )
  if options.leave_out_failed_experts:
    known = set(found.about['tasks'])
    suite = experts.without(
        suite,
        [task.name for task in suite.train_tasks if task.name not in known],
    )
  experts.check_suite(found, suite)
  # The records of the run say which experts it had.
  return dataclasses.replace(
      suite,
      info={
          **suite.info,
          'expert_source': options.expert_source,
          'expert_run': options.expert_run,
          'expert_env_steps': str(found.about['env_steps']),
          'expert_seed': str(found.about['seed']),
          'experts_sha256': experts.digest(folder),
      },
  )


def main(_):
  config, run, options = _DAMSEL.value(), _RUN.value(), _EXPERTS.value()
  if not config.experts:
    raise ValueError(
        'experts: got no directory, want the one that holds the episodes of '
        'experts, or that is to hold them.'
    )
  training.train(
      'damsel',
      config,
      builder.DamselBuilder,
      run,
      change_suite=functools.partial(
          _with_experts, config.experts, options, run.seed
      ),
      more_options=(options,),
  )


if __name__ == '__main__':
  flag_utils.run(main, errors=training.ERRORS)
