"""Builds an agent's learner and policies, and saves and restores them."""

import concurrent.futures
import json
import pathlib
from typing import Any, Dict, Mapping, Optional

from acme.utils import counting
from distillery.agents.core import builders
from distillery.agents.core.run_files import checkpoint_writing
from distillery.agents.core.run_files import checkpoints
from distillery.agents.core.run_files import display
from distillery.distributed import connections
from distillery.distributed import quiet
from distillery.networks import acting
import reverb
import tensorflow as tf

# Seconds for which a run waits for a checkpoint without saying so.
_SILENT_S = 2.0


class AgentParts:
  """The learner and the policies of one agent.

  Attributes:
    learner: the agent's learner.
    policies: the policies that are evaluated, by name.
    behaviours: the policies that act in training, by name.
    saved: the environment steps of the newest whole checkpoint; 0 if there is
      none.
  """

  def __init__(
      self,
      builder: builders.Builder,
      client: reverb.Client,
      seed: int,
      counter: Optional[counting.Counter] = None,
  ):
    """Builds the networks, the learner and the policies.

    Args:
      builder: the agent's builder.
      client: a client of the Reverb server that holds the agent's tables.
      seed: the seed of the initial weights and of everything random in
        learning.
      counter: the counter of `learner_steps`; if None, the learner makes one.

    Raises:
      ValueError: if a policy could not be loaded back from a checkpoint.
    """
    # Our networks draw nothing from the global seed. It is set in case a user's
    # own network does.
    tf.random.set_seed(seed)
    networks = builder.make_networks(seed)
    with quiet.quiet_native_code():
      self.learner = builder.make_learner(networks, client, counter, seed)
    self.policies = {
        name: builder.make_policy(networks, name)
        for name in builder.evaluated_policies
    }
    self.behaviours = {
        name: builder.make_policy(networks, name) for name in builder.behaviours
    }
    _check_loadable(self.policies)
    self._client = client
    self._keeps_replay = builder.keeps_replay
    self.saved = 0
    self._thread = concurrent.futures.ThreadPoolExecutor(1)
    self._saving: Optional[concurrent.futures.Future] = None

  def save(
      self, run_dir: pathlib.Path, env_steps: int, state: Mapping[str, Any]
  ) -> None:
    """Writes a checkpoint, after the one that is still being written.

    The replay is written in another thread after this call has returned. So a
    few blocks that arrive at its beginning may be in the checkpoint too.

    Args:
      run_dir: the directory of the run.
      env_steps: the environment steps so far; they name the checkpoint.
      state: the rest of the run's state, as JSON.

    Raises:
      errors.NonFiniteError: if a variable is NaN or infinite.
      OSError: if this checkpoint, or the one before, cannot be written.
    """
    self.finish_saving()
    self.learner.check_finite()
    (parameters,) = self.learner.get_variables(['policy'])
    aside = checkpoint_writing.begin(
        run_dir,
        env_steps,
        self.learner.checkpointables,
        self.policies,
        parameters,
        {
            'env_steps': env_steps,
            'learner_steps': self.learner.num_steps,
            **state,
        },
    )
    if self._keeps_replay:
      self._saving = self._thread.submit(self._finish, aside)
    else:
      self._finish(aside)

  def check_saving(self) -> None:
    """Checks a replay that another thread has written, without waiting for it.

    Raises:
      OSError: if it could not be written.
    """
    if self._saving is not None and self._saving.done():
      self.finish_saving()

  def finish_saving(self) -> None:
    """Waits until the checkpoint that is being written is whole.

    Returns at once if there is none.

    Raises:
      OSError: if it cannot be written.
    """
    if self._saving is None:
      return
    if not concurrent.futures.wait([self._saving], _SILENT_S).done:
      display.say('waiting until the replay is written')
    try:
      self._saving.result()
    finally:
      if self._saving.done():  # False if Ctrl-C ended the wait.
        self._saving = None

  def close(self) -> None:
    """Waits for the checkpoint that is being written; warns if it fails."""
    try:
      self.finish_saving()
    except OSError as error:
      display.say(f'warning: {error}')

  def restore(self, checkpoint: pathlib.Path) -> Dict[str, Any]:
    """Restores the learner from a checkpoint, and returns the saved state.

    Raises:
      ValueError: if the checkpoint belongs to other networks.
    """
    state = checkpoints.restore(checkpoint, self.learner.checkpointables)
    self.learner.num_steps = state['learner_steps']
    self.saved = checkpoints.env_steps(checkpoint)
    return state

  def empty_replay(self) -> None:
    """Deletes everything in Reverb's tables."""
    call = connections.PatientCaller(self._client)
    for table in call(self._client.server_info):
      call(self._client.reset, table)

  def _finish(self, aside: pathlib.Path) -> None:
    final = checkpoint_writing.finish(
        aside, self._write_replay if self._keeps_replay else None
    )
    self.saved = checkpoints.env_steps(final)

  def _write_replay(self) -> pathlib.Path:
    """Makes Reverb write its tables, and returns their folder."""
    # Reverb prints a line about it. Standard error is not muted here, because
    # another thread may have something to report at the same time.
    try:
      return pathlib.Path(
          connections.PatientCaller(self._client)(self._client.checkpoint)
      )
    except Exception as error:  # Reverb raises IndexError for a full disk.
      raise OSError(f'cannot write the replay: {error}') from error


def _check_loadable(policies: Mapping[str, acting.AnyPolicy]) -> None:
  """Checks now, not after hours, that saved policies could be loaded."""
  for policy in policies.values():
    try:
      acting.from_json(json.loads(json.dumps(policy.to_json())))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
      raise ValueError(
          f'a {type(policy).__name__} could not be loaded back from a '
          f'checkpoint ({error}); register its class by '
          '`networks.acting.register`.'
      ) from error
