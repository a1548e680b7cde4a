"""An experiment on one machine: its description, and how it is started.

Imports no TensorFlow: the worker processes start first, and make their
environments while the main process takes seconds to import it.
"""

from typing import Any, Dict, List

from distillery.agents.core.running import setup
from distillery.distributed import quiet

# A user finds both here: what to run, and how.
ExperimentConfig = setup.ExperimentConfig


def run_experiment(config: setup.ExperimentConfig) -> List[Dict[str, Any]]:
  """Runs an experiment to its end.

  If it fails before its first step, nothing of it is left in its directory.

  Args:
    config: the experiment.

  Returns:
    The rows of the last evaluation, see `evaluation.evaluate`; none if the run
    to resume was at its end.

  Raises:
    ValueError: if agent and suite do not fit, workers could not import what a
      task is made of, the agent's policy could not be loaded back from a
      checkpoint, the run to resume has another config, or its checkpoint is of
      another network.
    pools.PoolError: if an environment or a worker fails.
    errors.NonFiniteError: if a loss is NaN.
    OSError: if a checkpoint cannot be written. After one of these three the
      run can go on from its last checkpoint. A table or a picture that cannot
      be written is a warning.
  """
  with config.run_dir.kept_once_stepped():
    builder = setup.make_builder(config)
    setup.check_tasks(config.suite)
    setup.prepare(config)
    with setup.make_pool(config, config.num_workers, config.seed) as pool:
      quiet.quiet_tensorflow()
      from distillery.agents.core.running import devices

      devices.choose(config.device)
      from distillery.agents.core.running import training

      return training.train(config, pool, builder)
