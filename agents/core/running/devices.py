"""Chooses the device on which the learner computes."""

import os
import typing
from typing import Literal

from distillery.agents.core.run_files import display

Device = Literal['auto', 'cpu']
DEFAULT: Device = 'auto'


def choose(device: Device) -> None:
  """Makes TensorFlow use a GPU if it sees one, and prints the GPU's name.

  Call it before TensorFlow is used for anything else.

  Args:
    device: 'auto' for a GPU if there is one, or 'cpu'.

  Raises:
    ValueError: if `device` is another text.
  """
  if device not in typing.get_args(Device):
    raise ValueError(f"device must be 'auto' or 'cpu', got {device!r}.")
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
