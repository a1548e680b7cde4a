"""Chooses the device on which the learner computes."""

import ctypes
import os
import typing
from typing import Literal

from distillery.agents.core.run_files import display

Device = Literal['auto', 'cpu', 'gpu']
DEFAULT: Device = 'auto'

_INSTALL = "make gpu, or pip install -c constraints.txt -e '.[gpu]'"


def choose(device: Device) -> None:
  """Makes TensorFlow use a GPU if it sees one, and prints the GPU's name.

  Call it before TensorFlow is used for anything else.

  Args:
    device: 'auto' for a GPU if there is one, 'cpu', or 'gpu', which does not
      learn on a CPU.

  Raises:
    ValueError: if `device` is another text, or it is 'gpu' and TensorFlow sees
      none. The message says why it sees none.
  """
  if device not in typing.get_args(Device):
    raise ValueError(f"device must be 'auto', 'cpu' or 'gpu', got {device!r}.")
  if device == 'cpu':
    # The GPU is hidden before TensorFlow is imported, so that TensorFlow sets
    # nothing up for it.
    os.environ['CUDA_VISIBLE_DEVICES'] = ''
  import tensorflow as tf

  gpus = tf.config.list_physical_devices('GPU')
  for gpu in gpus:
    # Otherwise TensorFlow takes all of the GPU's memory, also from others.
    tf.config.experimental.set_memory_growth(gpu, True)
  if gpus:
    name = tf.config.experimental.get_device_details(gpus[0]).get(
        'device_name', 'GPU'
    )
    display.say(f'the learner computes on the {name}')
  elif device == 'gpu':
    raise ValueError(f'device=gpu: TensorFlow sees no GPU: {_why_none()}.')
  elif device == 'auto' and _has_driver() and not _is_hidden():
    display.say(
        f'warning: TensorFlow sees no GPU: {_why_none()}. The learner computes '
        'on the CPU.'
    )


def _why_none() -> str:
  """Returns the reason why TensorFlow sees no GPU."""
  if _is_hidden():
    hidden = os.environ['CUDA_VISIBLE_DEVICES']
    return f'CUDA_VISIBLE_DEVICES={hidden!r} hides it; unset it'
  if not _has_driver():
    return 'the NVIDIA driver is not installed (libcuda.so.1)'
  import tensorflow as tf

  build = tf.sysconfig.get_build_info()
  for name in (
      f'libcudart.so.{str(build.get("cuda_version", "12")).partition(".")[0]}',
      f'libcudnn.so.{build.get("cudnn_version", "8")}',
  ):
    if not _loads(name):
      return f'{name} cannot be loaded; want {_INSTALL}'
  return (
      'the NVIDIA driver finds none, or is too old for CUDA 12, or '
      'CUDA_VISIBLE_DEVICES names one that is not there'
  )


def _is_hidden() -> bool:
  visible = os.environ.get('CUDA_VISIBLE_DEVICES')
  return visible is not None and visible.strip() in ('', '-1')


def _has_driver() -> bool:
  return _loads('libcuda.so.1')


def _loads(library: str) -> bool:
  """Tells whether a shared library can be loaded."""
  try:
    ctypes.CDLL(library)
  except OSError:
    return False
  return True
