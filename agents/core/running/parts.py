"""An agent's parts that learn and act, and what of them is in a checkpoint."""

import concurrent.futures
import json
import pathlib
from typing import Any, Dict, Mapping, Optional

from acme.utils import counting
from distillery.agents.core import builders
from distillery.agents.core import checkpoints
from distillery.agents.core.run_files import checkpoint_writing
from distillery.agents.core.run_files import display
from distillery.distributed import contact
from distillery.distributed import quiet
from distillery.networks import acting
import reverb
import tensorflow as tf

_SILENT_S = 2.0  # Of waiting for it.


class Parts:
  """Networks, learner and policies of one agent.

  Attributes:
    learner: of the agent.
    policies: those that are evaluated, by name.
    behaviours: those that act in training, by name.
    saved: environment steps of the newest whole checkpoint; 0 if there is none.
  """

  def __init__(
      self,
      builder: builders.Builder,
      client: reverb.Client,
      seed: int,
      counter: Optional[counting.Counter] = None,
  ):
    """Makes them.

    Args:
      builder: of the agent.
      client: of the server with its tables.
      seed: of initial weights and of everything random in learning.
      counter: counts the learner's steps.

    Raises:
      ValueError: if a policy could not be loaded back from a checkpoint.
    """
    # Sonnet and Keras draw nothing from the global seed; it is set in case a
    # user's network does.
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
    """Writes a checkpoint; one that is being written is waited for first.

    Replay is written while the caller goes on. A few blocks that come in at the
    beginning of that are in the checkpoint too.

    Args:
      run_dir: of the run.
      env_steps: names the checkpoint.
      state: what else there is to know, as JSON.

    Raises:
      errors.NonFiniteError: if there is something that is not worth saving.
      OSError: if it, or the one before, cannot be written.
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
    """Raises an OSError if replay could not be written in the meantime."""
    if self._saving is not None and self._saving.done():
      self.finish_saving()

  def finish_saving(self) -> None:
    """Waits until the checkpoint that was begun is whole, if there is one.

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
      if self._saving.done():  # And not Ctrl-C meanwhile.
        self._saving = None

  def close(self) -> None:
    """Waits for the checkpoint that was begun, and says if it failed."""
    try:
      self.finish_saving()
    except OSError as error:
      display.say(f'warning: {error}')

  def restore(self, checkpoint: pathlib.Path) -> Dict[str, Any]:
    """Takes up a checkpoint; returns its state.

    Raises:
      ValueError: if the checkpoint is of other networks.
    """
    state = checkpoints.restore(checkpoint, self.learner.checkpointables)
    self.learner.num_steps = state['learner_steps']
    self.saved = checkpoints.env_steps(checkpoint)
    return state

  def empty_replay(self) -> None:
    """Drops what is in the tables."""
    call = contact.PatientCaller(self._client)
    for table in call(self._client.server_info):
      call(self._client.reset, table)

  def _finish(self, aside: pathlib.Path) -> None:
    final = checkpoint_writing.finish(
        aside, self._write_replay if self._keeps_replay else None
    )
    self.saved = checkpoints.env_steps(final)

  def _write_replay(self) -> pathlib.Path:
    """Has Reverb write its tables; returns where."""
    # Reverb prints a line about it. Stderr is not held back, which may have to
    # tell of something else meanwhile.
    try:
      return pathlib.Path(
          contact.PatientCaller(self._client)(self._client.checkpoint)
      )
    except Exception as error:  # A full disk is an IndexError of Reverb's.
      raise OSError(f'cannot write the replay: {error}') from error


def _check_loadable(policies: Mapping[str, acting.AnyPolicy]) -> None:
  """Refuses what could be saved, after hours, and then not be loaded."""
  for policy in policies.values():
    try:
      acting.from_json(json.loads(json.dumps(policy.to_json())))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
      raise ValueError(
          f'a {type(policy).__name__} could not be loaded back from a '
          f'checkpoint ({error}); `networks.acting.register` its class.'
      ) from error
