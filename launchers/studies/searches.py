"""Searches settings of a launcher: a grid, random draws, or Optuna's TPE.

Optuna chooses the settings, and stops those that fall behind. Its journal, one
line of JSON for each event, is in the directory of the sweep, so that the same
command goes on where it was interrupted.
"""

import dataclasses
import json
import math
import pathlib
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Set,
    Tuple,
    Union,
)

from distillery.launchers.figures import studies as study_figures
from distillery.launchers.studies import jobs
from distillery.launchers.studies import search_spaces
import optuna
from optuna.storages import journal

_STARTUP_TRIALS = 4  # So many are finished before one may be stopped.
_DIGITS = 3  # The significant digits of a number that is drawn from a range.


@dataclasses.dataclass(frozen=True)
class Sweep:
  """The description of a sweep.

  Attributes:
    launcher: the file name of the launcher in launchers/.
    flagfile: the absolute path of the runs' flagfile; empty: none.
    flags: more flags of all runs, after the flagfile.
    space: the values or the range of each flag that is searched.
    sampler: 'grid', 'random' or 'tpe'.
    num_trials: the number of settings; a grid has as many as it has.
    seeds: the seeds of each setting.
    num_env_steps: the environment steps of a run, summed over tasks.
    policy: the policy whose score counts, 'task' or 'shared'.
    metric: the score, 'success' or 'return'.
    prune: whether settings that fall behind are stopped.
  """

  launcher: str
  flagfile: str
  flags: Tuple[str, ...]
  space: search_spaces.Space
  sampler: str
  num_trials: int
  seeds: Tuple[int, ...]
  num_env_steps: int
  policy: str
  metric: str
  prune: bool

  def job(self, params: Mapping[str, str], seed: int) -> jobs.Job:
    """Returns the job of a setting with a seed."""
    return jobs.Job(
        folder(params) / f'seed{seed}',
        self.launcher,
        self.flagfile,
        (*self.flags, *(f'--{name}={text}' for name, text in params.items())),
        seed,
        self.num_env_steps,
    )


def folder(params: Mapping[str, str]) -> pathlib.Path:
  """Returns the name of a setting's folder, such as 'kl_cost=0.1 width=2'."""
  name = ' '.join(f'{name}={text}' for name, text in params.items())
  return pathlib.Path('runs', name.replace('/', '-'))


class Trial(NamedTuple):
  """A setting of a sweep and what came of it.

  Attributes:
    params: the value of each flag, as text.
    state: 'finished', 'stopped' (it fell behind), 'failed', 'running' or
      'waiting'.
    curves: the score by environment steps, for each seed that was evaluated.
    scores: the final scores of these seeds.
  """

  params: Dict[str, str]
  state: str
  curves: List[Dict[int, float]]
  scores: List[float]

  @property
  def mean(self) -> float:
    """The mean score; NaN without a score."""
    return sum(self.scores) / len(self.scores) if self.scores else math.nan


class Search:
  """A sweep that makes its runs, a core each, and can be interrupted."""

  def __init__(self, sweep: Sweep, output_dir: pathlib.Path, num_parallel: int):
    """Opens the journal, or makes it.

    Args:
      sweep: the description of the sweep.
      output_dir: the directory of the sweep, which exists.
      num_parallel: the number of runs at a time.

    Raises:
      ValueError: if the directory has another sweep.
    """
    self.sweep = sweep
    self._output_dir = output_dir
    self._runner = jobs.Runner(output_dir, num_parallel)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    backend = journal.JournalFileBackend(str(output_dir / 'journal.jsonl'))
    self._study = optuna.create_study(
        storage=optuna.storages.JournalStorage(backend),
        pruner=(
            optuna.pruners.MedianPruner(
                n_startup_trials=_STARTUP_TRIALS,
                n_warmup_steps=sweep.num_env_steps // 3,
            )
            if sweep.prune
            else optuna.pruners.NopPruner()
        ),
        direction='maximize',
        study_name='sweep',
        load_if_exists=True,
    )
    self._check_same()
    # The seed differs after an interruption, or all draws would come again.
    seed = len(self._study.get_trials())
    self._study.sampler = (
        optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        if sweep.sampler == 'tpe'
        else optuna.samplers.RandomSampler(seed=seed)
    )

  def run(self, report: Callable[[List[Trial]], None]) -> None:
    """Makes what is missing.

    Args:
      report: a function that is called after each setting with all settings,
        the best first.

    Raises:
      ValueError: if a run was started before with other flags; nothing is
        started then.
    """
    self._runner.check_begun(
        [
            self.sweep.job(trial.params, seed)
            for trial in self.trials()
            for seed in self.sweep.seeds
        ]
    )
    self._enqueue()
    self._runner.side_by_side(
        [self._make_one] * self._num_missing(),
        lambda: report(self.trials()),
    )
    self._runner.write_versions()
    report(self.trials())

  def check(self) -> None:
    """Raises a `jobs.RunsFailed` if a run has failed."""
    self._runner.check()

  def trials(self) -> List[Trial]:
    """Returns all settings: finished ones by score, then the others."""
    latest = {  # A setting that failed was perhaps tried again.
        tuple(trial.params.items()): trial for trial in self._study.get_trials()
    }
    found = [
        self._trial(self._texts(trial.params), _STATES[trial.state])
        for trial in latest.values()
        if trial.params
    ]
    return sorted(
        found,
        key=lambda trial: (
            trial.state != 'finished',
            math.inf if math.isnan(trial.mean) else -trial.mean,
        ),
    )

  def _enqueue(self) -> None:
    """Puts in Optuna's queue what is to be made before anything is drawn."""
    latest = {
        json.dumps(trial.params): trial for trial in self._study.get_trials()
    }
    for trial in latest.values():
      if trial.state == optuna.trial.TrialState.RUNNING:
        # It was interrupted. Its runs go on from their newest checkpoints.
        self._study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        self._study.enqueue_trial(trial.params)
      elif trial.state == optuna.trial.TrialState.FAIL:
        self._study.enqueue_trial(trial.params)
    if self.sweep.sampler == 'grid':
      for params in search_spaces.grid(self.sweep.space):
        self._study.enqueue_trial(params, skip_if_exists=True)

  def _num_missing(self) -> int:
    """Returns the number of settings that are still to be made."""
    states = [trial.state for trial in self._study.get_trials()]
    waiting = states.count(optuna.trial.TrialState.WAITING)
    if self.sweep.sampler == 'grid':
      return waiting
    made = sum(
        states.count(state)
        for state in (
            optuna.trial.TrialState.COMPLETE,
            optuna.trial.TrialState.PRUNED,
        )
    )
    return max(waiting, self.sweep.num_trials - made)

  def _make_one(self) -> None:
    """Makes the runs of one setting, seed by seed."""
    trial = self._study.ask(
        {name: _distribution(each) for name, each in self.sweep.space.items()}
    )
    params = self._texts(trial.params)
    for i, seed in enumerate(self.sweep.seeds):
      job = self.sweep.job(params, seed)
      reported: Set[int] = set()

      def report(i=i, job=job, reported=reported) -> None:
        # The steps of a seed count after those of the seeds before it.
        for steps, score in self._curve(job).items():
          if steps > 0 and steps not in reported:
            reported.add(steps)
            trial.report(score, i * self.sweep.num_env_steps + steps)

      def is_behind(report=report) -> bool:
        report()
        return trial.should_prune()

      # It may be there already: Optuna can draw a whole number again.
      is_stopped = not self._runner.is_whole(job) and self._runner.make_one(
          job, is_behind
      )
      report()  # The others are compared with the last rows, too.
      if not self._runner.is_whole(job):
        self._study.tell(
            trial,
            state=(
                optuna.trial.TrialState.PRUNED
                if is_stopped
                else optuna.trial.TrialState.FAIL
            ),
        )
        return
    self._study.tell(trial, self._trial(params, 'finished').mean)

  def _curve(self, job: jobs.Job) -> Dict[int, float]:
    return study_figures.curve(
        self._runner.evaluations(job), self.sweep.policy, self.sweep.metric
    )

  def _trial(self, params: Dict[str, str], state: str) -> Trial:
    """Reads what a setting has reached."""
    evaluations = [
        found
        for seed in self.sweep.seeds
        if (found := self._runner.evaluations(self.sweep.job(params, seed)))
    ]
    settings = (self.sweep.policy, self.sweep.metric)
    return Trial(
        params,
        state,
        [study_figures.curve(found, *settings) for found in evaluations],
        [study_figures.score(found, *settings) for found in evaluations],
    )

  def _texts(self, params: Mapping[str, Any]) -> Dict[str, str]:
    return {
        name: f'{params[name]:.{_DIGITS}g}'
        if isinstance(params[name], float)
        else str(params[name])
        for name in self.sweep.space
        if name in params
    }

  def _check_same(self) -> None:
    own = json.loads(json.dumps(dataclasses.asdict(self.sweep)))
    # More trials, other pruning and another sampler go on with the same runs.
    own = {
        name: own[name]
        for name in (
            'launcher',
            'space',
            'seeds',
            'num_env_steps',
            'policy',
            'metric',
        )
    }
    known = self._study.user_attrs.get('sweep', own)
    differ = sorted(name for name in own if own[name] != known.get(name))
    if differ:
      raise ValueError(
          f'{self._output_dir} has a sweep with other {", ".join(differ)}; want '
          'another --output_dir.'
      )
    self._study.set_user_attr('sweep', own)


_STATES = {
    optuna.trial.TrialState.COMPLETE: 'finished',
    optuna.trial.TrialState.PRUNED: 'stopped',
    optuna.trial.TrialState.FAIL: 'failed',
    optuna.trial.TrialState.RUNNING: 'running',
    optuna.trial.TrialState.WAITING: 'waiting',
}


def _distribution(
    each: Union[search_spaces.Values, search_spaces.Range],
) -> optuna.distributions.BaseDistribution:
  if isinstance(each, search_spaces.Values):
    return optuna.distributions.CategoricalDistribution(each.texts)
  if each.is_int:
    return optuna.distributions.IntDistribution(
        int(each.low), int(each.high), log=each.is_log
    )
  return optuna.distributions.FloatDistribution(
      each.low, each.high, log=each.is_log
  )
