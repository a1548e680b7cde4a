"""Reads the JSON files that a run wrote, such as its config."""

import json
import pathlib
from typing import Any, Dict

_CONFIG = 'config.json'


def has_config(run_dir: pathlib.Path) -> bool:
  """Tells whether a directory holds the config of a run, and so a run."""
  return (run_dir / _CONFIG).exists()


def read_config(run_dir: pathlib.Path, **types: type) -> Dict[str, Any]:
  """Reads the config of a run, its config.json.

  Args:
    run_dir: the directory of the run.
    **types: the types that some of the values must have, by name.

  Returns:
    The names and values in the file.

  Raises:
    ValueError: if the directory holds no run, or if a run would not have
      written the file in this form.
  """
  if not has_config(run_dir):
    raise ValueError(f'run_dir {str(run_dir)!r} holds no run (no {_CONFIG}).')
  return read(run_dir / _CONFIG, **types)


def read(path: pathlib.Path, **types: type) -> Dict[str, Any]:
  """Reads a JSON file that a run wrote.

  Args:
    path: the path of the file.
    **types: the types that some of its values must have, by name.

  Returns:
    The names and values in the file.

  Raises:
    OSError: if there is no such file.
    ValueError: if a run would not have written it in this form; the message
      names the file.
  """
  try:
    content = json.loads(path.read_text(encoding='utf-8-sig'))
  except ValueError as error:
    raise ValueError(
        f'cannot read {path}: {error}; want the JSON that the run wrote.'
    ) from error
  if not isinstance(content, dict):
    raise ValueError(
        f'cannot read {path}: got {str(content)[:40]!r}; want the '
        'JSON that the run wrote, names and values in braces.'
    )
  for name, kind in types.items():
    if not isinstance(content.get(name), kind):
      raise ValueError(
          f'cannot read {path}: {name} is {content.get(name)!r}; '
          f'want the {kind.__name__} that the run wrote.'
      )
  return content
