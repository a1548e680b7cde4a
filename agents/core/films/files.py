"""Writes films: gif and mp4; and single pictures: png."""

import importlib.util
import os
import pathlib
from typing import Sequence

import numpy as np
from PIL import Image

ENDINGS = ('.gif', '.mp4', '.png')
_LAST_S = 1.5  # The seconds for which the last picture of a gif stays.


def check_writable(path: str) -> None:
  """Checks that a film can be written, before it is made.

  Args:
    path: the path of the film, which ends in one of `ENDINGS`.

  Raises:
    ValueError: if the package that writes such films is missing.
    OSError: if there is no such folder.
  """
  folder = pathlib.Path(path).absolute().parent
  if not folder.is_dir():
    raise OSError(f'cannot write {path}: {folder} is not a folder.')
  if not os.access(folder, os.W_OK):
    raise OSError(f'cannot write {path}: {folder} may not be written to.')
  if path.endswith('.mp4') and not importlib.util.find_spec('imageio_ffmpeg'):
    raise ValueError(
        f'cannot write {path}: films in mp4 need imageio-ffmpeg; install '
        "acme-distillery with its extra, '.[film]', or choose a name in .gif."
    )


def write(
    path: str, pictures: Sequence[np.ndarray], seconds_per_picture: float
) -> None:
  """Writes a film.

  Args:
    path: the path of the file, which ends in one of `ENDINGS`. In png, the last
      picture alone is written.
    pictures: the pictures, uint8 [H, W, 3], all of one size, at least one. For
      mp4, height and width are even.
    seconds_per_picture: the seconds for which a picture is shown.

  Raises:
    OSError: if the file cannot be written; nothing is left of it.
  """
  aside = f'{path}.tmp{pathlib.Path(path).suffix}'
  try:
    if path.endswith('.gif'):
      _write_gif(aside, pictures, seconds_per_picture)
    elif path.endswith('.mp4'):
      _write_mp4(aside, pictures, seconds_per_picture)
    else:
      Image.fromarray(pictures[-1]).save(aside)
    os.replace(aside, path)
  except OSError as error:
    raise OSError(f'cannot write {path}: {error}') from error
  finally:  # Also after Ctrl-C.
    pathlib.Path(aside).unlink(missing_ok=True)


def _write_gif(
    path: str, pictures: Sequence[np.ndarray], seconds_per_picture: float
) -> None:
  # One palette for the whole film: colors do not flicker, and a picture needs
  # only what differs from the one before.
  palette = Image.fromarray(
      np.concatenate([pictures[0], pictures[-1]])
  ).quantize(256, method=Image.Quantize.MEDIANCUT)
  images = [
      Image.fromarray(picture).quantize(
          palette=palette, dither=Image.Dither.NONE
      )
      for picture in pictures
  ]
  durations = [1000 * seconds_per_picture] * len(images)
  durations[-1] = 1000 * max(_LAST_S, seconds_per_picture)
  images[0].save(
      path,
      save_all=True,
      append_images=images[1:],
      duration=durations,
      loop=0,
      optimize=False,
  )


def _write_mp4(
    path: str, pictures: Sequence[np.ndarray], seconds_per_picture: float
) -> None:
  import imageio_ffmpeg

  height, width = pictures[0].shape[:2]
  writer = imageio_ffmpeg.write_frames(
      path,
      (width, height),
      fps=1.0 / seconds_per_picture,
      macro_block_size=2,
      ffmpeg_log_level='error',
  )
  writer.send(None)
  try:
    for picture in pictures:
      writer.send(np.ascontiguousarray(picture))
  finally:
    writer.close()
