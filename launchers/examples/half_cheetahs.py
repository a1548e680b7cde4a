"""Draws the six half-cheetahs, with the body parts that differ in red.

python launchers/examples/half_cheetahs.py --output=bodies.png
"""

import dataclasses

from distillery.agents.core import config_fields
from distillery.environments import rendering
from distillery.environments.half_cheetah import bodies
from distillery.launchers.common import flag_utils


@dataclasses.dataclass(frozen=True)
class PictureOptions:
  """The options of the picture."""

  output: str = config_fields.field(
      'half_cheetahs.png', 'The path of the picture.', is_path=True
  )
  height: int = config_fields.field(
      200, 'The height of one body in pixels.', config_fields.POSITIVE
  )
  width: int = config_fields.field(
      320, 'The width of one body in pixels.', config_fields.POSITIVE
  )

  def __post_init__(self) -> None:
    config_fields.check_fields(self)


_MIDDLE, _DISTANCE = (0.05, 0.0, 0.45), 1.75  # m
_RED = (0.8, 0.1, 0.1, 1.0)
_OPTIONS = flag_utils.define(PictureOptions)


def main(_):
  """Draws each body in its initial state, without noise."""
  from matplotlib import pyplot
  import mujoco

  options = _OPTIONS.value()
  camera = mujoco.MjvCamera()
  camera.lookat[:] = _MIDDLE
  camera.distance, camera.azimuth, camera.elevation = _DISTANCE, 90.0, -5.0
  figure, axes = pyplot.subplots(2, 3, figsize=(9, 4))
  for axis, (body, (parts, factor)) in zip(axes.flat, bodies.BODIES.items()):
    model = bodies.make_cheetah(body).model
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    for part in parts:
      model.geom(part).rgba[:] = _RED
    with rendering.open_renderer(
        model, options.height, options.width
    ) as renderer:
      renderer.update_scene(data, camera)
      axis.imshow(renderer.render())
    axis.set_title(f'{body}: {factor:g}')
    axis.axis('off')
  figure.tight_layout()
  figure.savefig(options.output, dpi=100)
  print(f'wrote {options.output}')


if __name__ == '__main__':
  flag_utils.run(main)
