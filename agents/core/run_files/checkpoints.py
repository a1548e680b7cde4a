"""Finds and loads checkpoints, which are whole and free of pickle.

A checkpoint is a directory `checkpoints/<env steps>/`:

  variables.*    the learner's variables, by tf.train.Checkpoint
  policy.npz     the acting policies' parameters, float32 arrays by name
  policies.json  the acting policies, see `networks.acting`
  state.json     counters, random state, shapes of all variables
  replay/        Reverb's tables, if the agent keeps its replay
  manifest.json  SHA-256 of each of the files above

`best/<env steps>/` has the policies of the best evaluation, without variables
and replay, so no run can be resumed from it.

`checkpoint_writing` writes a temporary directory and renames it. No file points
to the newest checkpoint. It is found by scanning for the newest directory whose
files agree with its manifest.
"""

import hashlib
import json
import os
import pathlib
from typing import Any, Dict, List, Mapping, Optional
import warnings

from distillery.agents.core.run_files import json_files
from distillery.agents.core.run_files import loaded_policy
from distillery.agents.core.run_files import user_paths
from distillery.networks import acting
import numpy as np

# What a policy needs to act, and what a run needs to be resumed.
_POLICY_FILES = {'policy.npz', 'policies.json', 'state.json'}
_FILES = _POLICY_FILES | {'variables.index'}


def newest(
    run_dir: pathlib.Path, whole: bool = True, folder_name: str = 'checkpoints'
) -> Optional[pathlib.Path]:
  """Returns a run's newest whole checkpoint, and warns of damaged newer ones.

  A checkpoint is whole if its files agree with its manifest.

  Args:
    run_dir: the directory of the run.
    whole: whether all files are checked; if not, those that a policy needs to
      act.
    folder_name: 'checkpoints', or 'best', in which `whole` must be false.

  Returns:
    The checkpoint's directory; None if there is no checkpoint.

  Raises:
    ValueError: if there are checkpoints and none is whole.
    OSError: if their folder is a link to nothing, such as on a disk that is not
      mounted.
  """
  folder = pathlib.Path(user_paths.expand(run_dir)) / folder_name
  if folder.is_symlink() and not folder.exists():
    raise OSError(
        f'{folder} is a link to {os.path.realpath(folder)}, which does '
        'not exist; is its disk mounted?'
    )
  found = paths(folder)
  for path in reversed(found):
    fault = _fault(path, whole)
    if not fault:
      return path
    warnings.warn(f'checkpoint {path} is damaged: {fault}.', stacklevel=2)
  if found:
    raise ValueError(
        f'all checkpoints in {folder} are damaged: {fault} in the oldest of '
        f'{len(found)}.'
    )
  return None


def restore(
    path: pathlib.Path, checkpointables: Mapping[str, Any], whole: bool = True
) -> Dict[str, Any]:
  """Restores variables from a checkpoint, and returns its state.

  Args:
    path: the checkpoint's directory.
    checkpointables: the TensorFlow objects to restore, by name.
    whole: whether the checkpoint must hold these objects and no others.

  Returns:
    The content of state.json, without the shapes of the variables.

  Raises:
    ValueError: if the checkpoint belongs to other networks; the message says
      what differs.
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
        f'checkpoint {path} belongs to another network: '
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
  """Tells whether a checkpoint holds the variables of a checkpointable.

  Args:
    path: the checkpoint's directory.
    name: the name of the checkpointable.

  Returns:
    Whether it holds some of its variables.
  """
  state = json.loads((path / 'state.json').read_text())
  return any(key.partition('/')[0] == name for key in state['variables'])


def train_task_names(run_dir: pathlib.Path) -> List[str]:
  """Returns the names of a run's training tasks, in their order.

  Raises:
    ValueError: if the run has no config, or its config cannot be read.
  """
  path = pathlib.Path(user_paths.expand(run_dir))
  tasks = json_files.read_config(path, tasks=list)['tasks']
  return [
      task.rpartition(' (')[0]
      for task in map(str, tasks)
      if task.endswith('(train)')
  ]


def env_steps(path: pathlib.Path) -> int:
  """Returns the environment steps after which a checkpoint was written."""
  return int(path.name)


def variables(checkpointables: Mapping[str, Any]) -> Dict[str, Any]:
  """Returns every variable, by a name that does not depend on its order."""
  found: Dict[str, Any] = {}
  for name, item in checkpointables.items():
    own = item.variables
    for variable in own() if callable(own) else own:
      found[f'{name}/{variable.name}'] = variable
  return found


def load_policy(
    run_dir: pathlib.Path, which: str = 'task', checkpoint: str = 'last'
) -> loaded_policy.LoadedPolicy:
  """Loads a policy from a checkpoint of a run, with NumPy alone.

  Args:
    run_dir: the directory of the run.
    which: the name of the policy, 'task' or 'shared'.
    checkpoint: 'last', the newest checkpoint; 'best', the one of the best
      evaluation; or the environment steps of a checkpoint that is kept.

  Returns:
    The policy with its parameters.

  Raises:
    ValueError: if there is no such checkpoint that is whole, or it has no such
      policy.
    OSError: as `newest`.
  """
  path = _choose(pathlib.Path(user_paths.expand(run_dir)), checkpoint)
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


def _choose(run_dir: pathlib.Path, checkpoint: str) -> pathlib.Path:
  """Returns the checkpoint that a user has chosen; see `load_policy`."""
  if checkpoint == 'last':
    path = newest(run_dir, whole=False)
    if path is None:
      raise ValueError(f'no checkpoint in {run_dir} yet.')
    return path
  if checkpoint == 'best':
    path = newest(run_dir, whole=False, folder_name='best')
    if path is None:
      raise ValueError(f'no evaluation in {run_dir} yet, so none is the best.')
    return path
  kept = {
      str(env_steps(path)): path
      for folder in ('best', 'checkpoints')
      for path in paths(run_dir / folder)
  }
  if checkpoint not in kept:
    raise ValueError(
        f'checkpoint: got {checkpoint!r}, want last, best or, in {run_dir}, '
        f'{", ".join(sorted(kept, key=int)) or "none: it has no checkpoint"}.'
    )
  fault = _fault(kept[checkpoint], whole=False)
  if fault:
    raise ValueError(f'checkpoint {kept[checkpoint]} is damaged: {fault}.')
  return kept[checkpoint]


def shapes(checkpointables: Mapping[str, Any]) -> Dict[str, str]:
  """Returns the shape of every variable as text, by the variable's name."""
  return {
      name: str(tuple(variable.shape))
      for name, variable in variables(checkpointables).items()
  }


def paths(folder: pathlib.Path) -> List[pathlib.Path]:
  """Returns the checkpoints in a folder, whole or not, from the oldest on."""
  return sorted(path for path in folder.glob('*') if path.name.isdigit())


def _fault(path: pathlib.Path, whole: bool) -> str:
  """Returns what is wrong with a checkpoint; empty if nothing."""
  try:
    manifest = dict(json.loads((path / 'manifest.json').read_text()))
  except (OSError, TypeError, ValueError) as error:
    return f'manifest.json: {error}'
  needed = _FILES if whole else _POLICY_FILES
  if not needed <= set(manifest):
    return f'manifest.json lacks {sorted(needed - set(manifest))}'
  for name, digest in manifest.items():
    if whole or name in needed:
      if not (path / name).exists():
        return f'{name} is missing'
      if sha256(path / name) != digest:
        return f'{name} is not what was written'
  return ''


def sha256(path: pathlib.Path) -> str:
  """Returns the SHA-256 of a file's content, in hexadecimal."""
  digest = hashlib.sha256()
  with open(path, 'rb') as f:
    while part := f.read(1 << 20):
      digest.update(part)
  return digest.hexdigest()
