"""Compares Distral's algorithms: makes all the runs of a figure, and draws it.

  python launchers/study_distral.py --study=mazes --output_dir=runs/mazes

Runs go side by side, one a core. What is there already is not made again, and
what was interrupted goes on: after Ctrl-C, or to add seeds or steps, give the
same command again. Writes curves.csv, summary.csv and study.png.
"""

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import threading
from typing import Dict, List, NamedTuple, Optional, Tuple

from absl import flags
from distillery.agents.core import run_directory
from distillery.launchers import distral_family
from distillery.launchers import flag_utils
from distillery.launchers import run_options
from distillery.launchers import study_figures

_FOLDER = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass(frozen=True)
class Study:
  """What is compared.

  Attributes:
    flagfile: of `run_distral.py`; tasks and sizes.
    algorithms: names in `distral_family.ALGORITHMS`.
    costs: values of c_KL + c_Ent; each algorithm is run with each.
    learning_rates: likewise.
    num_env_steps: of a run.
    metric: what is drawn, a column of evaluation.csv.
    tuning_steps: if above 0, settings are compared with seed 0 and this many
      steps, and the best one of each algorithm is what is run.
  """
  flagfile: str
  algorithms: Tuple[str, ...]
  costs: Tuple[float, ...]
  learning_rates: Tuple[float, ...]
  num_env_steps: int
  metric: str
  tuning_steps: int = 0


_ALL = tuple(distral_family.ALGORITHMS)
_COMPARED = ('A3C', 'A3C multitask', 'A3C 2col', 'KL+ent 1col', 'KL+ent 2col')
STUDIES: Dict[str, Study] = {
    'mazes': Study('distral_mazes.cfg', _ALL, (0.01, 0.03), (1e-3, 3e-3),
                   1_000_000, 'return'),
    'navigation': Study('distral_navigation.cfg', _ALL, (0.01, 0.03),
                        (1e-3, 3e-3), 1_000_000, 'return'),
    'mt10': Study('distral_mt10.cfg', _COMPARED, (0.02, 0.1), (3e-4,),
                  3_000_000, 'success', tuning_steps=500_000),
    'mt50': Study('distral_mt50.cfg', ('A3C multitask', 'KL+ent 2col'),
                  (0.1,), (3e-4,), 15_000_000, 'success'),
}

_STUDY = flags.DEFINE_enum('study', 'mazes', list(STUDIES), 'what to compare')
_OUTPUT_DIR = flags.DEFINE_string(
    'output_dir', '', 'directory of the runs and the figure; it may hold some '
    'of them already. Empty: runs/study_<study>')
_SEEDS = flags.DEFINE_integer(
    'num_seeds', 3, 'runs of each setting', lower_bound=1)
_STEPS = flags.DEFINE_integer(
    'num_env_steps', 0, 'of each run; 0: as many as the study has',
    lower_bound=0)
_PARALLEL = flags.DEFINE_integer(
    'num_parallel', 0, 'runs at a time; 0: one for each usable core',
    lower_bound=0)
_ALGORITHMS = flags.DEFINE_list(
    'algorithms', [], 'some of the algorithms of the study; empty: all')


class Run(NamedTuple):
  """One run of a study."""
  algorithm: str
  cost: float
  learning_rate: float
  seed: int
  num_env_steps: int

  def folder(self) -> pathlib.Path:
    """Below the study's, and that of tuning in one of its own."""
    return pathlib.Path(
        self.algorithm.replace(' ', '_'),
        f'cost{self.cost:g}_rate{self.learning_rate:g}', f'seed{self.seed}')


class Runner:
  """Makes runs, some at a time."""

  def __init__(self, study: Study, output_dir: pathlib.Path,
               num_parallel: int):
    """Initialises the runner; nothing is started."""
    self._study = study
    self._output_dir = output_dir
    self._num_parallel = num_parallel
    self._cores: queue.Queue[int] = queue.Queue()
    usable = sorted(os.sched_getaffinity(0))
    for i in range(num_parallel):
      self._cores.put(usable[i % len(usable)])
    self._is_stopped = threading.Event()
    self._processes: List[subprocess.Popen] = []

  def make(self, runs: List[Run]) -> None:
    """Makes those that are not whole yet; returns when all have ended."""
    wanted = [run for run in runs if self.steps(run) < run.num_env_steps]
    print(f'{len(runs) - len(wanted)} of {len(runs)} runs are there',
          flush=True)
    with concurrent.futures.ThreadPoolExecutor(self._num_parallel) as threads:
      futures = [threads.submit(self._make, run) for run in wanted]
      try:
        for done in concurrent.futures.as_completed(futures):
          done.result()
      except BaseException:  # Ctrl-C as well.
        self._is_stopped.set()
        for process in self._processes:
          process.terminate()
        raise

  def steps(self, run: Run) -> int:
    """How far a run has got; -1 if there is none."""
    path = self._output_dir / run.folder() / 'evaluation.csv'
    evaluations = study_figures.read_run(path)
    return evaluations[-1].env_steps if evaluations else -1

  def _make(self, run: Run) -> None:
    if self._is_stopped.is_set():
      return
    run_dir = self._output_dir / run.folder()
    is_begun = any(run_dir.glob('checkpoints/*/manifest.json'))
    if not is_begun and run_dir.exists():
      shutil.rmtree(run_dir)
    run_dir.parent.mkdir(parents=True, exist_ok=True)
    core = self._cores.get()
    every = max(1, run.num_env_steps // 10)
    command = [
        sys.executable, str(_FOLDER / 'run_distral.py'),
        f'--flagfile={_FOLDER / "flags" / self._study.flagfile}',
        *distral_family.ALGORITHMS[run.algorithm].flags(run.cost),
        f'--learning_rate={run.learning_rate:g}', f'--seed={run.seed}',
        f'--num_env_steps={run.num_env_steps}', f'--evaluate_every={every}',
        f'--checkpoint_every={every}', '--num_workers=1',
        f'--run_dir={run_dir}', *(['--resume'] if is_begun else [])]
    log = run_dir.with_name(f'{run_dir.name}.log')
    with open(log, 'a', encoding='utf-8') as f:
      process = subprocess.Popen(command, stdout=f, stderr=f)
      self._processes.append(process)
      os.sched_setaffinity(process.pid, {core})
      status = process.wait()
    self._cores.put(core)
    if not self._is_stopped.is_set():
      print(f'{run.folder()}: ' + (
          'done' if not status else f'failed, see {log}'), flush=True)


def _best(study: Study, runner: Runner, algorithm: str,
          output_dir: pathlib.Path) -> Optional[Tuple[float, float]]:
  """The setting whose tuning run scored best; None if there is none."""
  scores = {}
  for run in _grid(study, [algorithm], [0], study.tuning_steps):
    if runner.steps(run) >= study.tuning_steps:
      evaluations = study_figures.read_run(
          output_dir / run.folder() / 'evaluation.csv')
      scores[run.cost, run.learning_rate] = study_figures.score(
          evaluations, 'task', study.metric)
  return max(scores, key=scores.get) if scores else None


def _grid(study: Study, algorithms: List[str], seeds: List[int],
          num_env_steps: int) -> List[Run]:
  return [Run(algorithm, cost, rate, seed, num_env_steps)
          for seed in seeds for algorithm in algorithms
          for cost in study.costs for rate in study.learning_rates]


def main(_):
  study = STUDIES[_STUDY.value]
  algorithms = list(_ALGORITHMS.value or study.algorithms)
  unknown = sorted(set(algorithms) - set(study.algorithms))
  if unknown:
    raise ValueError(f'algorithms: got {unknown}, want some of '
                     f'{", ".join(study.algorithms)}')
  output_dir = pathlib.Path(
      _OUTPUT_DIR.value or f'runs/study_{_STUDY.value}')
  output_dir.mkdir(parents=True, exist_ok=True)
  num_env_steps = _STEPS.value or study.num_env_steps
  seeds = list(range(_SEEDS.value))
  num_parallel = _PARALLEL.value or run_options.usable_cores()
  runner = Runner(study, output_dir, num_parallel)
  if study.tuning_steps:
    tuning = Runner(study, output_dir / 'tuning', num_parallel)
    tuning.make(_grid(study, algorithms, [0], study.tuning_steps))
    runs = []
    for seed in seeds:
      for algorithm in algorithms:
        best = _best(study, tuning, algorithm, output_dir / 'tuning')
        if best is not None:
          runs.append(Run(algorithm, *best, seed, num_env_steps))
  else:
    runs = _grid(study, algorithms, seeds, num_env_steps)
  runner.make(runs)
  found = {
      run: study_figures.read_run(output_dir / run.folder() / 'evaluation.csv')
      for run in runs}
  study_figures.write(
      output_dir, _STUDY.value, study.metric,
      {run: evaluations for run, evaluations in found.items() if evaluations})
  (output_dir / 'versions.json').write_text(
      json.dumps(run_directory.versions(), indent=2) + '\n')
  print((output_dir / 'summary.csv').read_text(), end='')
  print(f'Results are in {output_dir}')


if __name__ == '__main__':
  flag_utils.run(main)
