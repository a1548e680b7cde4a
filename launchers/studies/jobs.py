"""Runs of launchers, made side by side, a core each; what is there is kept."""

import concurrent.futures
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
from typing import List, NamedTuple, Sequence, Tuple

from distillery.agents.core import run_directory
from distillery.agents.core.run_files import run_contents
from distillery.launchers.figures import studies as study_figures

_FOLDER = pathlib.Path(__file__).resolve().parents[1]


class RunsFailed(Exception):
  """Some runs of a study have failed."""


class Job(NamedTuple):
  """One run.

  Attributes:
    folder: its directory, below that of the study.
    launcher: its file in launchers/.
    flagfile: in launchers/flags/.
    flags: that follow it; paths in them are from the study's directory.
    seed: of the run.
    num_env_steps: of the run.
  """

  folder: pathlib.Path
  launcher: str
  flagfile: str
  flags: Tuple[str, ...]
  seed: int
  num_env_steps: int


class Runner:
  """Makes jobs, some at a time."""

  def __init__(self, output_dir: pathlib.Path, num_parallel: int):
    """Initialises the runner; nothing is started."""
    self._output_dir = output_dir
    self._num_parallel = num_parallel
    self._cores: queue.Queue[int] = queue.Queue()
    usable = sorted(os.sched_getaffinity(0))
    for i in range(num_parallel):
      self._cores.put(usable[i % len(usable)])
    # Held while a process is started, so that none is after the stop.
    self._lock = threading.Lock()
    self._is_stopped = False
    self._processes: List[subprocess.Popen] = []
    # What is said of those that failed.
    self._failures: List[str] = []

  def check_begun(self, jobs: Sequence[Job]) -> None:
    """Raises a ValueError if a job was begun with other flags."""
    for job in jobs:
      self._check_same(job)

  def make(self, jobs: Sequence[Job]) -> None:
    """Makes those that are not whole yet; returns when all have ended.

    One that fails is named, and does not stop the others.

    Raises:
      ValueError: if one was begun with other flags, before any is started.
    """
    self.check_begun(jobs)
    wanted = [job for job in jobs if not self.is_whole(job)]
    print(
        f'{len(jobs) - len(wanted)} of {len(jobs)} runs are there', flush=True
    )
    # As Ctrl-C does, it has to end the runs with the study.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with concurrent.futures.ThreadPoolExecutor(self._num_parallel) as threads:
      try:
        for done in concurrent.futures.as_completed(
            [threads.submit(self._make, job) for job in wanted]
        ):
          done.result()
      except BaseException:  # Ctrl-C as well.
        self._stop()
        raise

  def run_dir(self, job: Job) -> pathlib.Path:
    """Where a job is."""
    return self._output_dir / job.folder

  def evaluations(self, job: Job) -> study_figures.Evaluations:
    """Those of a job so far."""
    return study_figures.read_run(self.run_dir(job) / 'evaluation.csv')

  def is_whole(self, job: Job) -> bool:
    """Whether it was evaluated, and saved, at its end."""
    if not self._is_begun(job):
      return False
    evaluations = self.evaluations(job)
    saved = [
        int(path.parent.name)
        for path in self.run_dir(job).glob('checkpoints/*/manifest.json')
        if path.parent.name.isdigit()
    ]
    return bool(evaluations and saved) and (
        min(evaluations[-1].env_steps, max(saved)) >= job.num_env_steps
    )

  def _check_same(self, job: Job) -> None:
    record = self._record(job)
    if not self._is_begun(job):
      return
    if not record.exists():
      raise ValueError(
          f'{self.run_dir(job)} was not begun by this study, which would have '
          f'left a {record.name} beside it; want another --output_dir.'
      )
    begun = record.read_text(errors='replace').splitlines()
    differ = set(begun) ^ set(self._settings(job))
    if differ:
      raise ValueError(
          f'{self.run_dir(job)} was begun with other flags: '
          f'{", ".join(sorted(differ))} are of one alone; want another '
          '--output_dir, or that run gone.'
      )

  def _settings(self, job: Job) -> List[str]:
    """What a job's flags say."""
    lines = (_FOLDER / 'flags' / job.flagfile).read_text().splitlines()
    return [
        job.launcher,
        *(line for line in lines if line and not line.startswith('#')),
        *job.flags,
    ]

  def _record(self, job: Job) -> pathlib.Path:
    """Where the flags are that it was begun with."""
    return self.run_dir(job).with_name(f'{self.run_dir(job).name}.cfg')

  def _is_begun(self, job: Job) -> bool:
    return any(self.run_dir(job).glob('checkpoints/*/manifest.json'))

  def _stop(self) -> None:
    """Ends what runs, and lets nothing begin."""
    with self._lock:
      self._is_stopped = True
      for process in self._processes:
        process.terminate()

  def _make(self, job: Job) -> None:
    core = self._cores.get()
    try:
      outcome = self._outcome(job, core)
    except (OSError, ValueError) as error:
      outcome = f'failed, {error}'
    finally:
      self._cores.put(core)
    if self._is_stopped:
      return
    print(f'{job.folder}: {outcome}', flush=True)
    if outcome != 'done':
      self._failures.append(f'{job.folder} {outcome}')

  def _outcome(self, job: Job, core: int) -> str:
    """Makes a run; returns what is to be said of it."""
    if self._is_stopped:
      return ''
    run_dir = self.run_dir(job)
    is_begun = self._is_begun(job)
    if not is_begun and run_dir.exists():
      if (run_dir / 'config.json').exists():
        # Refuses, in a sentence, what another process works in.
        run_directory.RunDirectory(run_dir, resume=True)
      run_contents.clear(run_dir)
    run_dir.parent.mkdir(parents=True, exist_ok=True)
    self._record(job).write_text('\n'.join(self._settings(job)) + '\n')
    log = run_dir.with_name(f'{run_dir.name}.log')
    with open(log, 'a', encoding='utf-8') as f:
      with self._lock:
        if self._is_stopped:
          return ''
        # There, so that what it notes of other runs holds wherever the study
        # is moved.
        process = subprocess.Popen(
            self._command(job, is_begun),
            stdout=f,
            stderr=f,
            cwd=self._output_dir,
        )
        self._processes.append(process)
      try:
        # It starts no thread before it has imported its libraries.
        os.sched_setaffinity(process.pid, {core})
      except OSError:  # The core is not this process's any more.
        process.terminate()
        process.wait()
        raise
      return f'failed, see {log}' if process.wait() else 'done'

  def _command(self, job: Job, is_begun: bool) -> List[str]:
    return [
        sys.executable,
        str(_FOLDER / job.launcher),
        f'--flagfile={_FOLDER / "flags" / job.flagfile}',
        *job.flags,
        f'--seed={job.seed}',
        f'--num_env_steps={job.num_env_steps}',
        '--num_workers=1',
        f'--run_dir={job.folder}',
        *(['--resume'] if is_begun else []),
    ]

  def write_versions(self) -> None:
    """Writes versions.json: of the figures, and what each run was begun at."""
    revisions = {
        str(path.parent.relative_to(self._output_dir)): run_directory.read_json(
            path
        ).get('git_revision', 'unknown')
        for path in sorted(self._output_dir.rglob('*/versions.json'))
    }
    run_directory.write_text(
        self._output_dir / 'versions.json',
        json.dumps({**run_directory.versions(), 'runs': revisions}, indent=2)
        + '\n',
    )

  def check(self) -> None:
    """Raises a `RunsFailed` if a run has failed."""
    if self._failures:
      raise RunsFailed(
          f'{len(self._failures)} of the runs failed, first '
          f'{self._failures[0]}; the same command goes on with them.'
      )
