"""Writing checkpoints aside, and making them whole; see `checkpoints`."""

import contextlib
import json
import os
import pathlib
import shutil
from typing import Any, Callable, Iterator, Mapping, Optional

from distillery.agents.core import checkpoints
from distillery.agents.core.run_files import folders
from distillery.networks import acting
import numpy as np

_KEPT = 2


def begin(
    run_dir: pathlib.Path,
    env_steps: int,
    checkpointables: Mapping[str, Any],
    policies: Mapping[str, acting.AnyPolicy],
    parameters: Mapping[str, np.ndarray],
    state: Mapping[str, Any],
) -> pathlib.Path:
  """Writes a checkpoint aside, all but replay.

  Args:
    run_dir: of the run.
    env_steps: names the checkpoint.
    checkpointables: TensorFlow objects by name.
    policies: acting policies by name ('task', 'shared').
    parameters: of the acting policies.
    state: counters and random state, as JSON.

  Returns:
    The directory to `finish`.

  Raises:
    OSError: if it cannot be written (a full disk); nothing is left of it.
  """
  import tensorflow as tf

  folder = pathlib.Path(run_dir) / 'checkpoints'
  folders.make(folder)
  for litter in folder.glob('*.tmp'):
    folders.remove(litter)
  aside = folder / f'{env_steps:012d}.tmp'
  aside.mkdir()
  with _all_or_nothing(aside):
    tf.train.Checkpoint(**checkpointables).write(str(aside / 'variables'))
    np.savez(aside / 'policy.npz', **parameters)
    _write_json(
        aside / 'policies.json',
        {name: policy.to_json() for name, policy in policies.items()},
    )
    _write_json(
        aside / 'state.json',
        {**state, 'variables': checkpoints.shapes(checkpointables)},
    )
  return aside


def finish(
    aside: pathlib.Path,
    write_replay: Optional[Callable[[], pathlib.Path]] = None,
) -> pathlib.Path:
  """Makes a checkpoint of what `begin` wrote; drops all but the newest two.

  Args:
    aside: what it returned.
    write_replay: has Reverb write its tables and returns where; they are moved,
      or copied if that is another disk. None: there is no replay.

  Returns:
    The checkpoint's directory.

  Raises:
    OSError: as `begin`.
  """
  final = aside.with_suffix('')
  with _all_or_nothing(aside):
    if write_replay is not None:
      replay = write_replay()
      (aside / 'replay').mkdir()
      folders.move(replay, aside / 'replay' / replay.name)
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
  found = checkpoints.paths(final.parent)
  # Those beyond were damaged: the run was taken up from before them.
  kept = [path for path in found if path <= final][-_KEPT:]
  for path in set(found) - set(kept):
    folders.remove(path)
  return final


@contextlib.contextmanager
def _all_or_nothing(aside: pathlib.Path) -> Iterator[None]:
  """Removes what was written if there is an error, an OSError in any case."""
  import tensorflow as tf

  try:
    yield
  except (OSError, tf.errors.OpError) as error:
    shutil.rmtree(aside, ignore_errors=True)
    raise OSError(
        f'cannot write checkpoint {aside.with_suffix("")}: {error}'
    ) from error


def _write_json(path: pathlib.Path, content: Mapping[str, Any]) -> None:
  path.write_text(json.dumps(content, indent=2))


def _sync(path: pathlib.Path) -> None:
  descriptor = os.open(path, os.O_RDONLY)  # A folder has no other handle.
  os.fsync(descriptor)
  os.close(descriptor)
