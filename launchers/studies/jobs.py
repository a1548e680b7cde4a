"""Makes runs of launchers side by side, each on a core; keeps finished ones."""

import concurrent.futures
import functools
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
from typing import Any, Callable, List, NamedTuple, Sequence, Tuple

from distillery.agents.core.run_files import json_files
from distillery.agents.core.run_files import run_contents
from distillery.agents.core.run_files import run_directory
from distillery.launchers.figures import studies as study_figures

_FOLDER = pathlib.Path(__file__).resolve().parents[1]
# The launchers whose runs a study can make.
LAUNCHERS = sorted(
    path.stem
    for path in _FOLDER.glob('run_*.py')
    if path.stem != 'run_two_rooms'
)
_DONE = 'done'
_BEHIND = 'stopped, as it fell behind'
# The time between two looks at a run, in seconds.
_POLL_S = 1.0


class RunsFailed(Exception):
  """The error that some runs of a study have failed."""


class Job(NamedTuple):
  """The description of one run.

  Attributes:
    folder: the directory of the run, relative to that of the study.
    launcher: the file name of the launcher in launchers/.
    flagfile: the file name of the flagfile in launchers/flags/, or the absolute
      path of another; empty: none.
    flags: more flags, after the flagfile; paths in them are relative to the
      directory of the study.
    seed: the seed of the run.
    num_env_steps: the environment steps of the run, summed over tasks.
  """

  folder: pathlib.Path
  launcher: str
  flagfile: str
  flags: Tuple[str, ...]
  seed: int
  num_env_steps: int


def check_flags(launcher: str, flagfile: str, flags: Sequence[str]) -> None:
  """Checks that a launcher takes some flags, so that no run fails late.

  Args:
    launcher: the file name of the launcher in launchers/.
    flagfile: the path of its flagfile, or empty.
    flags: more flags, after the flagfile.

  Raises:
    ValueError: if the launcher refuses them; the message is its last line.
  """
  checked = subprocess.run(
      [
          sys.executable,
          str(_FOLDER / launcher),
          *([f'--flagfile={flagfile}'] if flagfile else []),
          *flags,
          '--only_check_args',
      ],
      capture_output=True,
      text=True,
  )
  if checked.returncode:
    said = checked.stderr.strip().splitlines()
    raise ValueError(
        f'{launcher} refuses {" ".join(flags)}: '
        f'{said[-1] if said else checked.returncode}'
    )


class Runner:
  """The maker of jobs, which runs several at a time."""

  def __init__(self, output_dir: pathlib.Path, num_parallel: int):
    """Initialises the runner and starts nothing.

    Args:
      output_dir: the directory of the study.
      num_parallel: the number of runs at a time, each on one core.
    """
    self._output_dir = output_dir
    self._num_parallel = num_parallel
    self._cores: queue.Queue[int] = queue.Queue()
    usable = sorted(os.sched_getaffinity(0))
    for i in range(num_parallel):
      self._cores.put(usable[i % len(usable)])
    # Held while a process is started, so that none starts after the stop.
    self._lock = threading.Lock()
    self._is_stopped = False
    self._processes: List[subprocess.Popen] = []
    # A message for each run that failed.
    self._failures: List[str] = []

  def check_begun(self, jobs: Sequence[Job]) -> None:
    """Checks that no job was started before with other flags.

    Raises:
      ValueError: if one was.
    """
    for job in jobs:
      self._check_same(job)

  def make(self, jobs: Sequence[Job]) -> None:
    """Makes the jobs that are not finished; returns when all have ended.

    A job that fails is printed, and does not stop the others.

    Raises:
      ValueError: if a job was started before with other flags; nothing is
        started then.
    """
    self.check_begun(jobs)
    wanted = [job for job in jobs if not self.is_whole(job)]
    print(
        f'{len(jobs) - len(wanted)} of {len(jobs)} runs are there', flush=True
    )
    self.side_by_side([functools.partial(self.make_one, job) for job in wanted])

  def side_by_side(
      self,
      functions: Sequence[Callable[[], Any]],
      report: Callable[[], None] = lambda: None,
  ) -> None:
    """Calls functions that make jobs, several at a time.

    Ctrl-C and SIGTERM end the jobs that run, and no other is started.

    Args:
      functions: the functions, each of which calls `make_one`.
      report: a function that is called after each of them.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with concurrent.futures.ThreadPoolExecutor(self._num_parallel) as threads:
      try:
        for done in concurrent.futures.as_completed(
            [threads.submit(function) for function in functions]
        ):
          done.result()
          report()
      except BaseException:  # Ctrl-C as well.
        self._stop()
        threads.shutdown(cancel_futures=True)
        raise

  def run_dir(self, job: Job) -> pathlib.Path:
    """Returns the directory of a job."""
    return self._output_dir / job.folder

  def evaluations(self, job: Job) -> study_figures.Evaluations:
    """Returns the evaluations that a job has made so far."""
    return study_figures.read_run(self.run_dir(job) / 'evaluation.csv')

  def is_whole(self, job: Job) -> bool:
    """Returns whether a job was evaluated and saved at its last step."""
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
          f'{self.run_dir(job)} was not made by this study, which would have '
          f'left a {record.name} beside it; want another --output_dir.'
      )
    begun = record.read_text(errors='replace').splitlines()
    differ = set(begun) ^ set(self._settings(job))
    if differ:
      raise ValueError(
          f'{self.run_dir(job)} was started with other flags, which differ in '
          f'{", ".join(sorted(differ))}; want another --output_dir, or that '
          'run deleted.'
      )

  def _settings(self, job: Job) -> List[str]:
    """Returns a job's settings: its launcher and its flags, a line each."""
    lines = []
    if job.flagfile:
      lines = (_FOLDER / 'flags' / job.flagfile).read_text().splitlines()
    return [
        job.launcher,
        *(line for line in lines if line and not line.startswith('#')),
        *job.flags,
    ]

  def _record(self, job: Job) -> pathlib.Path:
    """Returns the file that has the settings a job was started with."""
    return self.run_dir(job).with_name(f'{self.run_dir(job).name}.cfg')

  def _is_begun(self, job: Job) -> bool:
    return any(self.run_dir(job).glob('checkpoints/*/manifest.json'))

  def _stop(self) -> None:
    """Ends the runs in progress and prevents others from starting."""
    with self._lock:
      self._is_stopped = True
      for process in self._processes:
        process.terminate()

  def make_one(
      self, job: Job, is_behind: Callable[[], bool] = lambda: False
  ) -> bool:
    """Makes one job, in the thread that calls it, as soon as a core is free.

    A job that fails is printed; `check` raises an error for it later.

    Args:
      job: the job, which may have been started before.
      is_behind: a function that is called about once a second while the job
        runs. If it returns True, the job is ended before its last step.

    Returns:
      Whether the job was ended because it fell behind.
    """
    core = self._cores.get()
    try:
      outcome = self._outcome(job, core, is_behind)
    except (OSError, ValueError) as error:
      outcome = f'failed, {error}'
    finally:
      self._cores.put(core)
    if not self._is_stopped:
      print(f'{job.folder}: {outcome}', flush=True)
      if outcome not in (_DONE, _BEHIND):
        self._failures.append(f'{job.folder} {outcome}')
    return outcome == _BEHIND

  def _outcome(self, job: Job, core: int, is_behind: Callable[[], bool]) -> str:
    """Makes a run; returns how it ended, for printing."""
    if self._is_stopped:
      return ''
    run_dir = self.run_dir(job)
    is_begun = self._is_begun(job)
    if not is_begun and run_dir.exists():
      if json_files.has_config(run_dir):
        # Raises a ValueError if another process uses the directory.
        run_directory.RunDirectory(run_dir, resume=True)
      run_contents.clear(run_dir)
    run_dir.parent.mkdir(parents=True, exist_ok=True)
    self._record(job).write_text('\n'.join(self._settings(job)) + '\n')
    log = run_dir.with_name(f'{run_dir.name}.log')
    with open(log, 'a', encoding='utf-8') as f:
      with self._lock:
        if self._is_stopped:
          return ''
        # Started in the directory of the study, so that paths to other runs
        # stay right when the study is moved.
        process = subprocess.Popen(
            self._command(job, is_begun),
            stdout=f,
            stderr=f,
            cwd=self._output_dir,
        )
        self._processes.append(process)
      try:
        # In time for all threads: it starts none before its imports are done.
        os.sched_setaffinity(process.pid, {core})
      except OSError:  # This process may not use the core any more.
        process.terminate()
        process.wait()
        raise
      while True:
        try:
          return f'failed, see {log}' if process.wait(_POLL_S) else _DONE
        except subprocess.TimeoutExpired:
          if is_behind():
            process.terminate()
            process.wait()
            return _BEHIND

  def _command(self, job: Job, is_begun: bool) -> List[str]:
    return [
        sys.executable,
        str(_FOLDER / job.launcher),
        *(
            [f'--flagfile={_FOLDER / "flags" / job.flagfile}']
            if job.flagfile
            else []
        ),
        *job.flags,
        f'--seed={job.seed}',
        f'--num_env_steps={job.num_env_steps}',
        '--num_workers=1',
        f'--run_dir={job.folder}',
        *(['--resume'] if is_begun else []),
    ]

  def write_versions(self) -> None:
    """Writes versions.json: versions now, and the revision of each run."""
    revisions = {
        str(path.parent.relative_to(self._output_dir)): json_files.read(
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
    """Checks that no run has failed.

    Raises:
      RunsFailed: if a run has failed; the message names the first one.
    """
    if self._failures:
      raise RunsFailed(
          f'{len(self._failures)} of the runs failed, first '
          f'{self._failures[0]}; the same command resumes them.'
      )
