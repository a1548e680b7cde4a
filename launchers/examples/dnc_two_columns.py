"""DnC with another policy than its own: the two columns of Distral.

  python launchers/examples/dnc_two_columns.py --suite=MT10

DnC's learner takes any `networks.interfaces.MultiTaskPolicy`. Here a local
policy is the central one and a column of its own: it follows the central policy
when that is distilled, and the reset empties the column.
"""

from distillery.agents.dnc import builder
from distillery.agents.dnc import config as dnc_config
from distillery.launchers.common import flag_utils
from distillery.launchers.common import training

_DNC = flag_utils.define(dnc_config.DnCConfig)
_RUN = flag_utils.define(flag_utils.RunOptions)


class TwoColumnBuilder(builder.DnCBuilder):
  """DnC's parts, but for the policy; for continuous actions."""

  def make_networks(self, seed):
    """See base class."""
    from distillery.networks.policies import columns

    config, spec = self.config, self.spec
    policy = columns.ColumnPolicy(
        spec.num_tasks,
        spec.observation_spec.shape[0],
        spec.action_spec.shape[0],
        is_discrete=False,
        architecture='two_column',
        alpha=0.5,
        hidden_sizes=config.hidden_sizes,
        shared_observes_task=config.observes_task,
        task_observes_task=config.observes_task,
        # The penalty asks a policy about the states of other contexts.
        pooled_normalizer=True,
        std=columns.StdRange(
            config.initial_std, config.min_std, config.max_std
        ),
        min_observation_std=config.min_observation_std,
        seed=seed,
    )
    return super().make_networks(seed)._replace(policy=policy)


def main(_):
  training.train(
      'dnc_two_columns', _DNC.value(), TwoColumnBuilder, _RUN.value()
  )


if __name__ == '__main__':
  flag_utils.run(main, errors=training.ERRORS)
