"""The choice of the learner's device, on a machine without a GPU."""

import re
import types

from distillery.agents.core.running import devices
import pytest
import tensorflow as tf


@pytest.fixture(autouse=True, name='machine')
def fixture_machine(monkeypatch):
  """A machine whose libraries the tests choose; it has no GPU."""
  machine = types.SimpleNamespace(libraries=set())
  monkeypatch.setattr(
      devices, '_loads', lambda library: library in machine.libraries
  )
  monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: [])
  monkeypatch.setattr(
      tf.sysconfig,
      'get_build_info',
      lambda: {'cuda_version': '12.2', 'cudnn_version': '8'},
  )
  monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
  return machine


def test_an_unknown_device_is_refused():
  sentence = "device must be 'auto', 'cpu' or 'gpu', got 'tpu'."
  with pytest.raises(ValueError, match=f'^{re.escape(sentence)}$'):
    devices.choose('tpu')


CUDA = ['libcuda.so.1', 'libcudart.so.12', 'libcudnn.so.8']
REASONS = [
    ([], 'the NVIDIA driver is not installed (libcuda.so.1).'),
    (CUDA[:1], 'libcudart.so.12 cannot be loaded; want make gpu, or pip'),
    (CUDA[:2], 'libcudnn.so.8 cannot be loaded; want make gpu, or pip'),
    (CUDA, 'the NVIDIA driver finds none, or is too old for CUDA 12, or'),
]


@pytest.mark.parametrize('libraries, reason', REASONS)
def test_a_wanted_gpu_that_is_missing_is_an_error(machine, libraries, reason):
  machine.libraries.update(libraries)
  words = re.escape(f'device=gpu: TensorFlow sees no GPU: {reason}')
  with pytest.raises(ValueError, match=f'^{words}'):
    devices.choose('gpu')


def test_a_hidden_gpu_is_an_error_if_it_is_wanted(machine, monkeypatch, capsys):
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '-1')
  machine.libraries.update(CUDA)
  with pytest.raises(ValueError, match="CUDA_VISIBLE_DEVICES='-1' hides it"):
    devices.choose('gpu')
  devices.choose('auto')  # It is hidden on purpose.
  assert capsys.readouterr().out == ''


@pytest.mark.parametrize('libraries, reason', REASONS)
def test_auto_says_why_it_takes_the_cpu_if_there_is_a_driver(
    machine, capsys, libraries, reason
):
  machine.libraries.update(libraries)
  devices.choose('auto')
  said = capsys.readouterr().out
  if libraries:
    assert said.startswith(f'warning: TensorFlow sees no GPU: {reason[:30]}')
    assert said.endswith('The learner computes on the CPU.\n')
  else:
    assert said == ''
