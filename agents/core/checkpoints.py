"""Checkpoints: whole or not at all, and free of pickle.

A checkpoint is a directory `checkpoints/<env steps>/`:

  variables.*    the learner's variables, by tf.train.Checkpoint
  policy.npz     what acting needs, float32 arrays by name
  policies.json  the acting policies, see `networks.acting`
  state.json     counters, random state, shapes of all variables
  replay/        Reverb's tables, of agents that learn from them more than once
  manifest.json  SHA-256 of each file of the above

`checkpoint_writing` writes it aside and renames it. The newest that agrees with
its manifest is found by scanning; there is no file that points to it.
"""

import hashlib
import json
import os
import pathlib
from typing import Any, Dict, List, Mapping, Optional
import warnings

from distillery.agents.core import loaded_policy
from distillery.agents.core import run_directory
from distillery.agents.core.run_files import user_paths
from distillery.networks import acting
import numpy as np

_FILES = {'variables.index', 'policy.npz', 'policies.json', 'state.json'}


def newest(run_dir: pathlib.Path, whole: bool = True) -> Optional[pathlib.Path]:
  """The newest checkpoint that agrees with its manifest; warns of others.

  Args:
    run_dir: of the run.
    whole: whether more than it takes to act has to agree.

  Returns:
    Its directory; None if there is none.

  Raises:
    ValueError: if there are checkpoints and none is whole.
    OSError: if their folder is a link to nothing: a disk is not mounted.
  """
  folder = pathlib.Path(user_paths.expand(run_dir)) / 'checkpoints'
  if folder.is_symlink() and not folder.exists():
    raise OSError(
        f'{folder} is a link to {os.path.realpath(folder)}, which is '
        'not there; is its disk mounted?'
    )
  found = paths(folder)
  for path in reversed(found):
    fault = _fault(path, whole)
    if not fault:
      return path
    warnings.warn(f'checkpoint {path} is damaged: {fault}.', stacklevel=2)
  if found:
    raise ValueError(
        f'none of the {len(found)} checkpoints in {folder} is '
        f'whole: {fault} in the oldest.'
    )
  return None


def restore(
    path: pathlib.Path, checkpointables: Mapping[str, Any], whole: bool = True
) -> Dict[str, Any]:
  """Restores variables and returns the checkpoint's state.

  Args:
    path: of the checkpoint.
    checkpointables: TensorFlow objects by name.
    whole: whether they are all that has to be in it, and not some of them.

  Raises:
    ValueError: if the checkpoint is of other networks; says what differs.
  """
  import tensorflow as tf

  state = json.loads((path / 'state.json').read_text())
  there, here = state.pop('variables'), shapes(checkpointables)
  differences = [
      f'{name} is {there.get(name, "absent")} there and '
      f'{here.get(name, "absent")} here'
      for name in sorted(set(there) | set(here))
      if there.get(name) != here.get(name)
      and (whole or name.partition('/')[0] in checkpointables)
  ]
  if differences:
    more = f' (and {len(differences) - 3} more)' if differences[3:] else ''
    raise ValueError(
        f'checkpoint {path} is of another network: '
        + '; '.join(differences[:3])
        + more
        + '.'
    )
  status = tf.train.Checkpoint(**checkpointables).read(str(path / 'variables'))
  if whole:
    status.assert_consumed()
  else:
    status.assert_existing_objects_matched().expect_partial()
  return state


def holds(path: pathlib.Path, name: str) -> bool:
  """Whether a checkpoint has variables of the checkpointable of this name."""
  state = json.loads((path / 'state.json').read_text())
  return any(key.partition('/')[0] == name for key in state['variables'])


def train_task_names(run_dir: pathlib.Path) -> List[str]:
  """Of the tasks that a run was trained on, in order."""
  path = pathlib.Path(user_paths.expand(run_dir)) / 'config.json'
  tasks = run_directory.read_json(path, tasks=list)['tasks']
  return [
      task.rpartition(' (')[0]
      for task in map(str, tasks)
      if task.endswith('(train)')
  ]


def env_steps(path: pathlib.Path) -> int:
  """Of a checkpoint: at how many it was written."""
  return int(path.name)


def variables(checkpointables: Mapping[str, Any]) -> Dict[str, Any]:
  """Every variable, by a name that does not depend on its order."""
  found: Dict[str, Any] = {}
  for name, item in checkpointables.items():
    own = item.variables
    for variable in own() if callable(own) else own:
      found[f'{name}/{variable.name}'] = variable
  return found


def load_policy(
    run_dir: pathlib.Path, which: str = 'task'
) -> loaded_policy.LoadedPolicy:
  """Loads the newest policy of a run; needs NumPy alone.

  Args:
    run_dir: of the run.
    which: 'task' or 'shared'.

  Raises:
    ValueError: if there is no checkpoint, or none that is whole, or no such
      policy in it.
  """
  path = newest(run_dir, whole=False)
  if path is None:
    raise ValueError(f'no checkpoint in {run_dir} yet.')
  policies = json.loads((path / 'policies.json').read_text())
  if which not in policies:
    raise ValueError(
        f'policy must be one of {sorted(policies)} in {run_dir}, '
        f'got {which!r}.'
    )
  state = json.loads((path / 'state.json').read_text())
  with np.load(path / 'policy.npz', allow_pickle=False) as parameters:
    return loaded_policy.LoadedPolicy(
        acting.from_json(policies[which]),
        dict(parameters),
        state['env_steps'],
        state['wall_s'],
    )


def shapes(checkpointables: Mapping[str, Any]) -> Dict[str, str]:
  """Of every variable, by name, as text."""
  return {
      name: str(tuple(variable.shape))
      for name, variable in variables(checkpointables).items()
  }


def paths(folder: pathlib.Path) -> List[pathlib.Path]:
  """Of the checkpoints in a folder, whole or not, oldest first."""
  return sorted(path for path in folder.glob('*') if path.name.isdigit())


def _fault(path: pathlib.Path, whole: bool) -> str:
  """What is wrong with a checkpoint; empty if nothing."""
  try:
    manifest = dict(json.loads((path / 'manifest.json').read_text()))
  except (OSError, TypeError, ValueError) as error:
    return f'manifest.json: {error}'
  if not _FILES <= set(manifest):
    return f'manifest.json lacks {sorted(_FILES - set(manifest))}'
  for name, digest in manifest.items():
    if whole or name in _FILES:
      if not (path / name).exists():
        return f'{name} is missing'
      if sha256(path / name) != digest:
        return f'{name} is not what was written'
  return ''


def sha256(path: pathlib.Path) -> str:
  """Of a file."""
  digest = hashlib.sha256()
  with open(path, 'rb') as f:
    while part := f.read(1 << 20):
      digest.update(part)
  return digest.hexdigest()
