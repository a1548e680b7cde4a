"""Draws the six half-cheetahs.

  MUJOCO_GL=egl python launchers/examples/half_cheetahs.py --output=bodies.png
"""

import dataclasses

from distillery.environments import half_cheetah
from distillery.launchers import flag_utils


@dataclasses.dataclass(frozen=True)
class PictureOptions:
  """What to draw.

  Attributes:
    output: the picture to write.
    height: of a body, in pixels.
    width: of a body, in pixels.
  """

  output: str = 'half_cheetahs.png'
  height: int = 200
  width: int = 320


_OPTIONS = flag_utils.define(PictureOptions)


def main(_):
  """Draws each where its episodes begin, but for noise."""
  from matplotlib import pyplot  # pylint: disable=g-import-not-at-top
  import mujoco  # pylint: disable=g-import-not-at-top

  options = _OPTIONS.value()
  figure, axes = pyplot.subplots(2, 3, figsize=(9, 4))
  for axis, body in zip(axes.flat, half_cheetah.BODIES):
    model = half_cheetah.make_cheetah(body).model
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    with mujoco.Renderer(model, options.height, options.width) as renderer:
      renderer.update_scene(data, camera='track')
      axis.imshow(renderer.render())
    axis.set_title(body)
    axis.axis('off')
  figure.tight_layout()
  figure.savefig(options.output, dpi=100)
  print(f'wrote {options.output}')


if __name__ == '__main__':
  flag_utils.run(main)
