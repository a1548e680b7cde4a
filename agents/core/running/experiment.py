"""Runs an experiment on one machine.

This module imports no TensorFlow. The worker processes start first and make
their environments while the main process takes seconds to import it.
"""

from typing import Any, Dict, List

from distillery.agents.core.running import devices
from distillery.agents.core.running import setup
from distillery.distributed import quiet

# A user finds the description of an experiment here, beside its function.
ExperimentConfig = setup.ExperimentConfig


def run_experiment(config: setup.ExperimentConfig) -> List[Dict[str, Any]]:
  """Runs an experiment to its end.

  If it fails before its first step, it leaves no files in its directory.

  Args:
    config: the description of the experiment.

  Returns:
    The rows of the last evaluation, see `evaluation.evaluate`; none if the run
    to resume was already at its end.

  Raises:
    ValueError: if the agent does not fit the suite, a task cannot be imported
      by worker processes, the agent's policy could not be loaded from a
      checkpoint, the run to resume has another config, or its checkpoint has
      another network.
    process_pool.PoolError: if an environment or a worker fails.
    errors.NonFiniteError: if a loss is NaN or infinite.
    OSError: if a checkpoint cannot be written. After any of the last three
      errors, the run can be resumed from its last checkpoint. If a table or a
      picture cannot be written, there is only a warning.
  """
  with config.run_dir.kept_once_stepped():
    builder = setup.make_builder(config)
    setup.check_tasks(config.suite)
    setup.prepare(config)
    with setup.make_pool(config, config.num_workers, config.seed) as pool:
      quiet.quiet_tensorflow()
      devices.choose(config.device)
      from distillery.agents.core.running import training

      return training.train(config, pool, builder)
