"""Finds a user's own suite, 'my_module:my_suite'."""

import dataclasses
import importlib
import inspect
import os
import sys
from typing import Any

from distillery.environments import base


def load(name: str, seed: int) -> base.TaskSuite:
  """Imports a suite.

  Args:
    name: the module and the name in it, 'package.module:name'. The module is
      installed, or in the current folder. The name is that of a `TaskSuite`, or
      of a function that makes one; the function may take a `seed`.
    seed: the seed for such a function.

  Returns:
    The suite, under the given name, by which a later program finds it again.

  Raises:
    ValueError: if there is no such suite. The message says what is wrong.
  """
  module_name, _, attribute = name.partition(':')
  found = _attribute(name, _module(name, module_name), attribute)
  suite = found
  if callable(found):
    try:
      suite = (
          found(seed=seed)
          if 'seed' in inspect.signature(found).parameters
          else found()
      )
    except Exception as error:  # A user's function may raise anything.
      raise ValueError(
          f'suite: {name} failed: {type(error).__name__}: {error}'
      ) from error
  if not isinstance(suite, base.TaskSuite):
    raise ValueError(
        f'suite: {name} gave a {type(suite).__name__}, want a TaskSuite, such '
        'as `environments.adapters.suite_from_factories` makes'
    )
  return dataclasses.replace(suite, name=name)


def _module(name: str, module_name: str) -> Any:
  # A program that is started by its path finds no modules in the current
  # folder. Worker processes get the same path.
  if os.getcwd() not in sys.path and '' not in sys.path:
    sys.path.insert(0, os.getcwd())
  try:
    return importlib.import_module(module_name)
  except Exception as error:  # A user's module may raise anything.
    where = (
        f'; want a module that is installed or in {os.getcwd()}'
        if isinstance(error, ModuleNotFoundError)
        else ''
    )
    raise ValueError(
        f'suite: cannot import the module of {name!r}: '
        f'{type(error).__name__}: {error}{where}'
    ) from error


def _attribute(name: str, module: Any, attribute: str) -> Any:
  if not hasattr(module, attribute):
    suites = [
        key
        for key, value in vars(module).items()
        if isinstance(value, base.TaskSuite)
        or (inspect.isfunction(value) and value.__module__ == module.__name__)
    ]
    raise ValueError(
        f'suite: got {name!r}, and {module.__name__} has no {attribute!r}; it '
        f'has {", ".join(suites) or "no suite and no function"}'
    )
  return getattr(module, attribute)
