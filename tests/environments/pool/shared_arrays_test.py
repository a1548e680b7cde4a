"""Arrays that two processes share."""

import gc
import multiprocessing
import os

from distillery.environments.pool import shared_arrays
from helpers import pool_helpers as helpers
import numpy as np
import pytest

FIELDS = {
    'a': ((2, 3), np.float32),
    'empty': ((0, 4), np.int64),
    'scalar': ((), np.float64),
    'flags': ((5,), np.bool_),
}


def assert_both_ends_see_the_same_memory():
  named = helpers.segments()
  ours, theirs = multiprocessing.Pipe()
  mine = shared_arrays.SharedArrays.create(FIELDS)
  assert {k: (v.shape, v.dtype) for k, v in mine.items()} == FIELDS
  assert not any(array.any() for array in mine.values())
  mine.send(ours)
  mine.send(ours)
  mine.close()
  mine.close()
  yours, third = (shared_arrays.SharedArrays.receive(theirs) for _ in range(2))
  yours['a'][1, 2] = 3.0
  yours['flags'][4] = True
  mine['scalar'][...] = 7.0
  assert mine['a'][1, 2] == third['a'][1, 2] == 3.0
  assert mine['flags'].tolist() == [False] * 4 + [True]
  assert yours['scalar'] == 7.0
  assert helpers.segments() <= named


def test_both_ends_see_the_same_memory():
  assert_both_ends_see_the_same_memory()


def test_arrays_do_not_overlap_and_outlive_their_owner():
  arrays = shared_arrays.SharedArrays.create(
      {str(i): ((3,), np.uint8) for i in range(4)}
  )
  kept = list(arrays.values())
  arrays.close()
  del arrays
  for i, array in enumerate(kept):
    array[...] = i
  assert [array.tolist() for array in kept] == [[i] * 3 for i in range(4)]


def test_descriptors_are_given_back():
  gc.collect()  # Whatever other tests have left.
  before = len(os.listdir('/proc/self/fd'))
  ours, theirs = multiprocessing.Pipe()
  for _ in range(5):
    with shared_arrays.SharedArrays.create(FIELDS) as arrays:
      arrays.send(ours)
    shared_arrays.SharedArrays.receive(theirs)
    with pytest.raises(OSError):
      arrays.send(ours)
    theirs.recv()  # The layout of the send that failed.
  del arrays
  ours.close()
  theirs.close()
  assert len(os.listdir('/proc/self/fd')) <= before


def test_without_memfd(monkeypatch):
  monkeypatch.delattr(os, 'memfd_create', raising=False)
  assert_both_ends_see_the_same_memory()
