"""What a study is made of, and how its runs are made side by side."""

import concurrent.futures
import dataclasses
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import threading
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from distillery.launchers import distral_family
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
    wanted = [run for run in runs if not self._is_whole(run)]
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

  def evaluations(self, run: Run) -> study_figures.Evaluations:
    """Those of a run so far."""
    return study_figures.read_run(
        self._output_dir / run.folder() / 'evaluation.csv')

  def _is_whole(self, run: Run) -> bool:
    evaluations = self.evaluations(run)
    return bool(evaluations) and (
        evaluations[-1].env_steps >= run.num_env_steps)

  def best(self, algorithm: str) -> Optional[Tuple[float, float]]:
    """Cost and rate of the tuning run that scored best; None: there is none."""
    study, scores = self._study, {}
    for run in grid(study, [algorithm], [0], study.tuning_steps):
      if self._is_whole(run):
        scores[run.cost, run.learning_rate] = study_figures.score(
            self.evaluations(run), 'task', study.metric)
    return max(scores, key=scores.get) if scores else None

  def _make(self, run: Run) -> None:
    if self._is_stopped.is_set():
      return
    run_dir = self._output_dir / run.folder()
    is_begun = any(run_dir.glob('checkpoints/*/manifest.json'))
    if not is_begun and run_dir.exists():
      shutil.rmtree(run_dir)
    run_dir.parent.mkdir(parents=True, exist_ok=True)
    core = self._cores.get()
    command = [
        sys.executable, str(_FOLDER / 'run_distral.py'),
        f'--flagfile={_FOLDER / "flags" / self._study.flagfile}',
        *distral_family.ALGORITHMS[run.algorithm].flags(run.cost),
        f'--learning_rate={run.learning_rate:g}', f'--seed={run.seed}',
        f'--num_env_steps={run.num_env_steps}', '--num_workers=1',
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


def grid(study: Study, algorithms: Sequence[str], seeds: Sequence[int],
         num_env_steps: int) -> List[Run]:
  """All settings of some algorithms, a seed after the other."""
  return [Run(algorithm, cost, rate, seed, num_env_steps)
          for seed in seeds for algorithm in algorithms
          for cost in study.costs for rate in study.learning_rates]

