"""Reverb's server, and the replay that a run goes on with."""

import contextlib
import pathlib
import shutil
from typing import Iterator, List, Optional

from distillery.agents.core import builders
from distillery.agents.core import quiet
import reverb


@contextlib.contextmanager
def serve(builder: builders.Builder, run_dir: pathlib.Path,
          checkpoint: Optional[pathlib.Path]) -> Iterator[reverb.Client]:
  """Runs a Reverb server in this process; stopped however the run ends.

  Args:
    builder: of its tables.
    run_dir: of the run; if replay is kept, Reverb writes it here.
    checkpoint: whose replay the tables begin with; None: empty.

  Raises:
    ValueError: if the checkpoint has no replay, and the agent needs one.
  """
  # Reverb loads the newest of those in its directory, and writes beside it.
  folder = run_dir / 'replay.tmp'
  shutil.rmtree(folder, ignore_errors=True)
  try:
    options, links = {}, []
    if builder.keeps_replay:
      folder.mkdir()
      links = _link_replay(checkpoint, folder) if checkpoint else []
      options['checkpointer'] = reverb.checkpointers.DefaultCheckpointer(
          str(folder))
    with quiet.quiet_native_code():
      server = reverb.Server(
          builder.make_tables(apart=False), port=None, **options)
    for link in links:
      link.unlink()  # Loaded; Reverb would remove what is older than its own.
    try:
      yield reverb.Client(f'localhost:{server.port}')
    finally:
      with quiet.quiet_native_code():
        server.stop()
  finally:
    shutil.rmtree(folder, ignore_errors=True)


def _link_replay(
    checkpoint: pathlib.Path, folder: pathlib.Path) -> List[pathlib.Path]:
  """Links to a checkpoint's replay, in a folder for Reverb to load it from."""
  found = list(checkpoint.glob('replay/*'))
  if not found:
    raise ValueError(f'checkpoint {checkpoint} holds no replay to go on with.')
  links = [folder / path.name for path in found]
  for link, path in zip(links, found):
    link.symlink_to(path.resolve())
  return links
