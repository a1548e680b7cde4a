"""The optimisers of every agent that learns by Adam have its epsilon."""

from distillery.agents.distral import networks as distral_networks
from distillery.agents.distral import recurrent_learning
from helpers import small_damsel
from helpers import small_dnc
from helpers import small_learners
from helpers import small_pearl
from helpers import small_sac
from helpers import small_trpo
import pytest
import tensorflow as tf

# Each is a module that makes a small learner, and further settings.
LEARNERS = {
    'damsel': (small_damsel, {}),
    'distral': (small_learners, {}),
    'dnc': (small_dnc, dict(baseline='neural', value_minibatches=2)),
    'pearl': (small_pearl, {}),
    'sac': (small_sac, {}),
    'trpo': (small_trpo, dict(baseline='neural')),
}


def adams(learner):
  """Returns the Adam optimisers of a learner and of its critics."""
  parts = [*learner.checkpointables.values()]
  for part in [*parts]:
    if isinstance(part, tf.Module):
      parts.extend(vars(part).values())
  found = {
      id(part): part
      for part in parts
      if isinstance(part, tf.keras.optimizers.Adam)
  }
  return list(found.values())


@pytest.mark.parametrize('agent', LEARNERS)
def test_all_have_the_epsilon_of_the_config(agent):
  module, settings = LEARNERS[agent]
  config = module.make_config(adam_epsilon=0.125, **settings)
  networks = module.make_networks(config)
  batch = ()  # Nothing is learned.
  if agent in ('distral', 'trpo'):
    batch = module.make_block(networks)
  learner = module.make_learner(config, networks, batch)
  epsilons = [adam.epsilon for adam in adams(learner)]
  wanted = {'damsel': 1, 'dnc': 3, 'trpo': 1}
  assert epsilons == [0.125] * wanted.get(agent, 3)


def test_so_have_those_of_columns_with_a_memory():
  config = small_learners.make_config(adam_epsilon=0.125, lstm_size=3)
  policy = distral_networks.make_recurrent_policy(
      small_learners.make_spec(small_learners.DISCRETE), config, 0
  )
  learner = recurrent_learning.RecurrentDistralLearner(
      config, policy, iterator=iter([])
  )
  assert [adam.epsilon for adam in adams(learner)] == [0.125] * 3
