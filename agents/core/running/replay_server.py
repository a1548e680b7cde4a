"""Reverb's server, and the replay that a run goes on with."""

import contextlib
import pathlib
import shutil
from typing import Iterator, Optional

from distillery.agents.core import builders
from distillery.agents.core import run_directory
from distillery.agents.core.run_files import folders
from distillery.distributed import contact
from distillery.distributed import quiet
import reverb


@contextlib.contextmanager
def serve(
    builder: builders.Builder,
    run_dir: pathlib.Path,
    checkpoint: Optional[pathlib.Path],
) -> Iterator[reverb.Client]:
  """Runs a Reverb server in this process; stopped however the run ends.

  Args:
    builder: of its tables.
    run_dir: of the run; if replay is kept, Reverb writes it here.
    checkpoint: whose replay the tables begin with; None: empty.

  Raises:
    ValueError: if the checkpoint has no replay, and the agent needs one.
    ConnectionError: if the server cannot be reached.
  """
  try:
    with quiet.quiet_native_code():
      server = reverb.Server(
          builder.make_tables(apart=False),
          port=None,
          checkpointer=make_checkpointer(run_dir, checkpoint)
          if builder.keeps_replay
          else None,
      )
    try:
      yield contact.connect(f'localhost:{server.port}')
    finally:
      with quiet.quiet_native_code():
        server.stop()
  finally:
    clean(run_dir)


def make_checkpointer(
    run_dir: pathlib.Path, checkpoint: Optional[pathlib.Path]
) -> reverb.checkpointers.DefaultCheckpointer:
  """What a server loads its tables from, and writes them with.

  Reverb loads the newest checkpoint in its folder, writes beside it, and then
  deletes it. So the folder is one of its own, and holds the checkpoint's files
  under a second name, or copies if the checkpoint is on another disk.

  Args:
    run_dir: of the run.
    checkpoint: whose replay to begin with; None: empty.

  Raises:
    ValueError: if the checkpoint has no replay.
    OSError: if the replay cannot be copied (a full disk).
  """
  clean(run_dir)
  folder = run_dir / run_directory.REPLAY_FOLDER
  folder.mkdir()
  if checkpoint is not None:
    found = list(checkpoint.glob('replay/*'))
    if not found:
      raise ValueError(
          f'checkpoint {checkpoint} holds no replay to go on with.'
      )
    try:
      for path in found:
        folders.copy(path, folder / path.name)
    except OSError as error:
      clean(run_dir)
      raise OSError(
          f'cannot go on with the replay of {checkpoint}: {error}'
      ) from error
  return reverb.checkpointers.DefaultCheckpointer(str(folder))


def clean(run_dir: pathlib.Path) -> None:
  """Removes what a server left; checkpoints have their own copy."""
  shutil.rmtree(run_dir / run_directory.REPLAY_FOLDER, ignore_errors=True)
