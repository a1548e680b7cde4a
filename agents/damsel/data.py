"""Whole episodes on their way to the learner: contexts, and experts.

Two tables a task: what the agent itself did lately, and what the expert did.
"""

from typing import Iterator, List, Mapping

from distillery.agents.core import transitions
from distillery.agents.damsel import experts as damsel_experts
import numpy as np
import reverb
import tensorflow as tf

_COLUMN = 'rows'


def make_tables(num_tasks: int, *, num_steps: int, context_width: int,
                expert_width: int, context_episodes: int) -> List[reverb.Table]:
  """Uniform tables of episodes `[T, W]`.

  Args:
    num_tasks: K.
    num_steps: T, of an episode.
    context_width: W of the agent's transitions, see `transitions.pack`.
    expert_width: W of the experts' observations and actions.
    context_episodes: of a task, the latest, that are kept.
  """
  return [
      reverb.Table(
          f'{kind}_{task}', sampler=reverb.selectors.Uniform(),
          remover=reverb.selectors.Fifo(), max_size=max_size,
          rate_limiter=reverb.rate_limiters.MinSize(1),
          signature={_COLUMN: tf.TensorSpec([num_steps, width], tf.float32)})
      for kind, width, max_size in (
          ('context', context_width, context_episodes),
          ('expert', expert_width, 10**6))
      for task in range(num_tasks)]


def insert_block(client: reverb.Client, behaviour: str,
                 block: Mapping[str, np.ndarray]) -> None:
  """Writes a block `[T, K, E, ...]` of whole episodes, whoever acted."""
  del behaviour
  num_steps, num_tasks, num_envs = block['reward'].shape
  rows = transitions.pack(block).reshape(num_tasks, num_envs, num_steps, -1)
  for task, episodes in enumerate(rows):
    for episode in episodes:
      client.insert({_COLUMN: episode}, {f'context_{task}': 1.})


def insert_experts(client: reverb.Client,
                   experts: damsel_experts.Experts) -> None:
  """Writes all experts' episodes; nothing if they are there already."""
  if client.server_info()['expert_0'].current_size:
    return
  rows = np.concatenate([experts.observation, experts.action], axis=-1)
  for task, episodes in enumerate(rows):
    for episode in episodes:
      client.insert({_COLUMN: episode}, {f'expert_{task}': 1.})


def make_iterator(server_address: str, *, num_tasks: int,
                  num_episodes: int) -> Iterator[Mapping[str, tf.Tensor]]:
  """Draws episodes of every task: 'context' and 'expert', `[K, E, T, W]`."""
  def of_task(table: str) -> tf.data.Dataset:
    dataset = reverb.TimestepDataset.from_table_signature(
        server_address=server_address, table=table,
        max_in_flight_samples_per_worker=num_episodes,
        num_workers_per_iterator=1)
    return dataset.map(lambda sample: sample.data[_COLUMN]).batch(
        num_episodes, drop_remainder=True)

  def of_kind(kind: str) -> tf.data.Dataset:
    return tf.data.Dataset.zip(tuple(
        of_task(f'{kind}_{task}') for task in range(num_tasks))).map(
            lambda *tasks: tf.stack(tasks))

  return iter(tf.data.Dataset.zip(
      {kind: of_kind(kind) for kind in ('context', 'expert')}))
