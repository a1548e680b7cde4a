"""Defines six bodies of gymnasium's HalfCheetah-v5 (Henderson et al. 2017).

Each body multiplies the sizes of some parts by 0.75 or 1.25. A capsule that is
defined by two points has only a radius; other capsules also have a half-length.
Joints stay where they are. The total mass stays 14 kg, distributed over the new
volumes.
"""

import dataclasses
import os
import pathlib
import tempfile
from typing import Any, Dict, Sequence, Tuple
from xml.etree import ElementTree

from distillery.environments import base
from distillery.environments.half_cheetah import batch
from distillery.environments.pool import batch_environment
from dm_env import specs
import numpy as np

# The changed parts of each body, and the factor of their sizes.
BODIES: Dict[str, Tuple[Tuple[str, ...], float]] = {
    'SmallFoot': (('ffoot', 'bfoot'), 0.75),
    'BigFoot': (('ffoot', 'bfoot'), 1.25),
    'SmallLeg': (('fshin', 'bshin'), 0.75),
    'SmallThigh': (('fthigh', 'bthigh'), 0.75),
    'SmallTorso': (('torso',), 0.75),
    'BigTorso': (('torso',), 1.25),
}
_OBSERVATION_SPEC = specs.Array((17,), np.float32, name='observation')
_ACTION_SPEC = specs.BoundedArray((6,), np.float32, -1.0, 1.0, name='action')


@dataclasses.dataclass(frozen=True)
class HalfCheetahFactory:
  """A factory for half-cheetahs with one of the `BODIES`.

  Attributes:
    body: the name of the body.
  """

  body: str

  def __call__(self, seed: int) -> base.TaskEnvironment:
    return batch_environment.BatchEnvironment(
        batch.CheetahBatch([make_cheetah(self.body).model]),
        seed=seed,
        observation_spec=_OBSERVATION_SPEC,
        action_spec=_ACTION_SPEC,
    )


def make_cheetah(body: str) -> Any:
  """Makes gymnasium's `HalfCheetahEnv` with another body.

  Args:
    body: the name of the body, one of `BODIES`.

  Returns:
    The `gymnasium.Env`.
  """
  from distillery.environments import rendering  # noqa: F401
  from gymnasium.envs import mujoco
  from gymnasium.envs.mujoco import half_cheetah_v5

  assets = pathlib.Path(mujoco.__file__).parent / 'assets'
  tree = ElementTree.parse(assets / 'half_cheetah.xml')
  parts, factor = BODIES[body]
  for geom in tree.iter('geom'):
    if geom.get('name') in parts:
      geom.set(
          'size',
          ' '.join(
              f'{factor * float(size):g}'
              for size in geom.attrib['size'].split()
          ),
      )
  # gymnasium reads a model only from a file.
  with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, 'half_cheetah.xml')
    tree.write(path)
    return half_cheetah_v5.HalfCheetahEnv(xml_file=path)


def half_cheetah_suite(name: str) -> base.TaskSuite:
  """Makes the suite 'HALF_CHEETAH' (all bodies) or 'HALF_CHEETAH/<body>'."""
  _, _, only = name.partition('/')
  return base.TaskSuite(
      name=name,
      tasks=tuple(
          base.Task(body, 'half_cheetah', 'train', HalfCheetahFactory(body))
          for body in BODIES
          if only in ('', body)
      ),
      observation_spec=_OBSERVATION_SPEC,
      action_spec=_ACTION_SPEC,
      horizon=batch.HORIZON,
      make_batch=_make_batch,
      score='return',
  )


def _make_batch(tasks: Sequence[base.Task]) -> batch.CheetahBatch:
  models = {
      body: make_cheetah(body).model for body in {task.name for task in tasks}
  }
  return batch.CheetahBatch([models[task.name] for task in tasks])
