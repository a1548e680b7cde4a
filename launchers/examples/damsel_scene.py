"""Draws the scene of DAMSEL after an episode of the scripted controllers.

  python launchers/examples/damsel_scene.py --folder=pictures

Writes one picture for each family: push.png, door.png and drawer.png.
"""

import dataclasses
import os
import pathlib
from typing import Literal

from distillery.agents.core import config_fields
from distillery.environments.damsel import controllers as damsel_controllers
from distillery.environments.damsel import environment as damsel_environment
from distillery.environments.damsel import tasks as damsel_tasks
from distillery.launchers.common import flag_utils


@dataclasses.dataclass(frozen=True)
class PictureOptions:
  """The options of the pictures."""

  folder: str = config_fields.field(
      'pictures',
      'The folder for the pictures; it is made if it does not exist.',
      is_path=True,
  )
  height: int = config_fields.field(
      360, 'The height of a picture in pixels.', config_fields.POSITIVE
  )
  width: int = config_fields.field(
      480, 'The width of a picture in pixels.', config_fields.POSITIVE
  )
  camera: Literal['corner', 'corner2', 'corner3', 'corner4', 'topview'] = (
      config_fields.field('corner3', "The camera of Meta-World's scene.")
  )

  def __post_init__(self) -> None:
    config_fields.check_fields(self)


_OPTIONS = flag_utils.define(PictureOptions)


def main(_):
  """Solves one task of each family and draws the end of the episode."""
  from matplotlib import image

  options = _OPTIONS.value()
  os.makedirs(options.folder, exist_ok=True)
  by_family = {
      target.family: target for target in damsel_tasks.targets('train')[:-1]
  }
  for family, target in by_family.items():
    environment = damsel_environment.DamselEnvironment(target, sparse=False)
    controller = damsel_controllers.Controller(target)
    step = environment.reset()
    while not step.last():
      step = environment.step(controller(step.observation))
    path = pathlib.Path(options.folder) / f'{family}.png'
    image.imsave(
        path,
        environment.render(
            height=options.height, width=options.width, camera=options.camera
        ),
    )
    environment.close()
    print(f'{path}: {environment.distance:.3f} from the target')


if __name__ == '__main__':
  flag_utils.run(main)
