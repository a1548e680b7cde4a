"""Where the learner computes."""

import os

from distillery.agents.core.run_files import display


def choose(device: str) -> None:
  """Has TensorFlow use the GPU if it sees one, and says so, unless told not to.

  Args:
    device: 'auto', or 'cpu'. To be called before anything else of TensorFlow.
  """
  if device == 'cpu':
    # Hidden before TensorFlow looks for it, so that nothing is set up for it.
    os.environ['CUDA_VISIBLE_DEVICES'] = ''
  import tensorflow as tf

  gpus = tf.config.list_physical_devices('GPU')
  for gpu in gpus:
    # It would take all of the memory from whoever else uses the GPU.
    tf.config.experimental.set_memory_growth(gpu, True)
  if gpus:
    name = tf.config.experimental.get_device_details(gpus[0]).get(
        'device_name', 'GPU'
    )
    display.say(f'the learner computes on the {name}')
