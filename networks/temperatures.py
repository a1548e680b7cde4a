"""What entropy is worth, of soft actor-critics."""

import sonnet as snt
import tensorflow as tf


class Temperatures(snt.Module):
  """alpha of each task, `[K]`: how much a nat of entropy is worth in reward."""

  def __init__(self, num_tasks: int, initial: float):
    super().__init__(name='temperatures')
    self.log = tf.Variable(tf.math.log(tf.fill([num_tasks], float(initial))),
                           name='log')

  def __call__(self) -> tf.Tensor:
    return tf.exp(self.log)
