"""Runs Reverb's server, and restores the replay of a resumed run."""

import contextlib
import pathlib
import shutil
from typing import Iterator, Optional

from distillery.agents.core import builders
from distillery.agents.core.run_files import folders
from distillery.agents.core.run_files import run_directory
from distillery.distributed import connections
from distillery.distributed import quiet
import reverb


@contextlib.contextmanager
def serve(
    builder: builders.Builder,
    run_dir: pathlib.Path,
    checkpoint: Optional[pathlib.Path],
) -> Iterator[reverb.Client]:
  """Runs a Reverb server in this process until the context ends.

  Args:
    builder: the builder of the server's tables.
    run_dir: the directory of the run; if the agent keeps its replay, Reverb
      writes it here.
    checkpoint: the checkpoint whose replay is loaded into the tables; None: the
      tables start empty.

  Yields:
    A client of the server.

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
      yield connections.connect(f'localhost:{server.port}')
    finally:
      with quiet.quiet_native_code():
        server.stop()
  finally:
    clean(run_dir)


def make_checkpointer(
    run_dir: pathlib.Path, checkpoint: Optional[pathlib.Path]
) -> reverb.checkpointers.DefaultCheckpointer:
  """Returns the object with which a server loads and writes its tables.

  Reverb loads the newest checkpoint in its folder, writes new ones beside it,
  and then deletes it. So Reverb gets a folder of its own. It holds hard links
  to our checkpoint's files, or copies if the checkpoint is on another disk.

  Args:
    run_dir: the directory of the run.
    checkpoint: the checkpoint whose replay is loaded; None: the tables start
      empty.

  Returns:
    Reverb's checkpointer of that folder.

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
          f'checkpoint {checkpoint} holds no replay to resume with.'
      )
    try:
      for path in found:
        folders.copy(path, folder / path.name)
    except OSError as error:
      clean(run_dir)
      raise OSError(
          f'cannot copy the replay of {checkpoint}: {error}'
      ) from error
  return reverb.checkpointers.DefaultCheckpointer(str(folder))


def clean(run_dir: pathlib.Path) -> None:
  """Removes the folder of a server; checkpoints have their own copy."""
  shutil.rmtree(run_dir / run_directory.REPLAY_FOLDER, ignore_errors=True)
