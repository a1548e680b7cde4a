"""Lets the processes that tests start import `helpers`, as the tests do."""

import os
import pathlib

os.environ['PYTHONPATH'] = os.pathsep.join(
    [
        str(pathlib.Path(__file__).parent),
        *filter(None, [os.environ.get('PYTHONPATH')]),
    ]
)
