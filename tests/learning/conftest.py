"""Lets worker processes import the helpers of these tests by name."""

import pathlib
import sys

# Workers are spawned with the parent's sys.path, and unpickle by module name.
_HERE = str(pathlib.Path(__file__).parent)
if _HERE not in sys.path:
  sys.path.insert(0, _HERE)
