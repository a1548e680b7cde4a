"""Another file system, for tests of what lies on two."""

import errno
import os
import pathlib
import tempfile


def other_disk(monkeypatch, tmp_path):
  """A folder on another file system, or one that is made to seem so."""
  if (
      os.path.isdir('/dev/shm')
      and os.access('/dev/shm', os.W_OK)
      and (os.stat('/dev/shm').st_dev != os.stat(tmp_path).st_dev)
  ):
    return pathlib.Path(tempfile.mkdtemp(dir='/dev/shm'))
  folder = tmp_path / 'other_disk'
  folder.mkdir()

  def between_disks(call):
    def checked(source, target, *args, **kwargs):
      is_there = [
          os.path.realpath(path).startswith(str(folder))
          for path in (source, target)
      ]
      if is_there[0] != is_there[1]:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
      return call(source, target, *args, **kwargs)

    return checked

  for name in ('link', 'rename', 'replace'):
    monkeypatch.setattr(os, name, between_disks(getattr(os, name)))
  return folder
