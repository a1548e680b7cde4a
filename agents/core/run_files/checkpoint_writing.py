"""Writes checkpoints, whole or not at all; see `checkpoints`."""

import contextlib
import json
import os
import pathlib
import shutil
from typing import Any, Callable, Iterator, Mapping, Optional, Tuple, Type

from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import folders
from distillery.networks import acting
import numpy as np

_KEPT = 2  # The number of checkpoints that a run keeps.


def begin(
    run_dir: pathlib.Path,
    env_steps: int,
    checkpointables: Mapping[str, Any],
    policies: Mapping[str, acting.AnyPolicy],
    parameters: Mapping[str, np.ndarray],
    state: Mapping[str, Any],
) -> pathlib.Path:
  """Writes all of a checkpoint but its replay into a temporary directory.

  Args:
    run_dir: the directory of the run.
    env_steps: the environment steps so far; they name the checkpoint.
    checkpointables: the TensorFlow objects of the learner's state, by name.
    policies: the acting policies, by name ('task', 'shared').
    parameters: the acting policies' parameters, arrays by name.
    state: the counters and the random state, as JSON.

  Returns:
    The temporary directory, for `finish`.

  Raises:
    OSError: if it cannot be written (a full disk); nothing is left of it.
  """
  import tensorflow as tf

  aside = _make_aside(run_dir / 'checkpoints', env_steps)
  with _all_or_nothing(aside, (OSError, tf.errors.OpError)):
    tf.train.Checkpoint(**checkpointables).write(str(aside / 'variables'))
    _write_policies(
        aside,
        policies,
        parameters,
        {**state, 'variables': checkpoints.shapes(checkpointables)},
    )
  return aside


def finish(
    aside: pathlib.Path,
    write_replay: Optional[Callable[[], pathlib.Path]] = None,
) -> pathlib.Path:
  """Turns what `begin` wrote into a checkpoint, and deletes all but two.

  Args:
    aside: the temporary directory that `begin` returned.
    write_replay: the function that makes Reverb write its tables, and returns
      their folder, which is then moved, or copied if it is on another disk.
      None: there is no replay.

  Returns:
    The checkpoint's directory.

  Raises:
    OSError: if the checkpoint cannot be written (a full disk); nothing is left
      of it.
  """
  final = aside.with_suffix('')
  with _all_or_nothing(aside):
    if write_replay is not None:
      replay = write_replay()
      (aside / 'replay').mkdir()
      folders.move(replay, aside / 'replay' / replay.name)
    _publish(aside, final)
  found = checkpoints.paths(final.parent)
  # Checkpoints with more steps are damaged: the run was resumed from before
  # them.
  kept = [path for path in found if path <= final][-_KEPT:]
  for path in set(found) - set(kept):
    folders.remove(path)
  return final


def write_best(
    run_dir: pathlib.Path,
    env_steps: int,
    policies: Mapping[str, acting.AnyPolicy],
    parameters: Mapping[str, np.ndarray],
    state: Mapping[str, Any],
) -> None:
  """Writes the policies of the best evaluation, in place of the ones before.

  Args:
    run_dir: the directory of the run.
    env_steps: the environment steps so far; they name the folder.
    policies: the acting policies, by name ('task', 'shared').
    parameters: the acting policies' parameters, arrays by name.
    state: the steps, the time and the score, as JSON.

  Raises:
    OSError: if it cannot be written (a full disk); nothing is left of it.
  """
  aside = _make_aside(run_dir / 'best', env_steps)
  final = aside.with_suffix('')
  with _all_or_nothing(aside):
    _write_policies(aside, policies, parameters, state)
    _publish(aside, final)
  for path in checkpoints.paths(final.parent):
    if path != final:
      folders.remove(path)


def drop_best_after(run_dir: pathlib.Path, env_steps: int) -> None:
  """Deletes the policies of the best evaluation if they have more steps."""
  for path in checkpoints.paths(run_dir / 'best'):
    if checkpoints.env_steps(path) > env_steps:
      folders.remove(path)


def _make_aside(folder: pathlib.Path, env_steps: int) -> pathlib.Path:
  """Makes a temporary directory, after deleting those of earlier writers."""
  folders.make(folder)
  for litter in folder.glob('*.tmp'):
    folders.remove(litter)
  aside = folder / f'{env_steps:012d}.tmp'
  aside.mkdir()
  return aside


def _write_policies(
    aside: pathlib.Path,
    policies: Mapping[str, acting.AnyPolicy],
    parameters: Mapping[str, np.ndarray],
    state: Mapping[str, Any],
) -> None:
  np.savez(aside / 'policy.npz', **parameters)
  _write_json(
      aside / 'policies.json',
      {name: policy.to_json() for name, policy in policies.items()},
  )
  _write_json(aside / 'state.json', state)


def _publish(aside: pathlib.Path, final: pathlib.Path) -> None:
  """Writes the manifest, and gives the directory its name."""
  _write_json(
      aside / 'manifest.json',
      {
          path.relative_to(aside).as_posix(): checkpoints.sha256(path)
          for path in sorted(aside.rglob('*'))
          if path.is_file()
      },
  )
  for path in aside.rglob('*'):
    _sync(path)
  _sync(aside)
  if os.path.lexists(final):
    folders.remove(final)
  os.rename(aside, final)
  _sync(final.parent)


@contextlib.contextmanager
def _all_or_nothing(
    aside: pathlib.Path, errors: Tuple[Type[Exception], ...] = (OSError,)
) -> Iterator[None]:
  """Deletes the directory and raises an OSError if it cannot be written.

  Args:
    aside: the directory.
    errors: the errors that say so.

  Yields:
    None.
  """
  try:
    yield
  except errors as error:
    shutil.rmtree(aside, ignore_errors=True)
    raise OSError(
        f'cannot write checkpoint {aside.with_suffix("")}: {error}'
    ) from error


def _write_json(path: pathlib.Path, content: Mapping[str, Any]) -> None:
  path.write_text(json.dumps(content, indent=2))


def _sync(path: pathlib.Path) -> None:
  descriptor = os.open(path, os.O_RDONLY)  # `open` refuses folders.
  os.fsync(descriptor)
  os.close(descriptor)
