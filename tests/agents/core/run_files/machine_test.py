"""Tests of what a run records about its machine."""

import os

from distillery.agents.core.run_files import machine
import pytest


@pytest.mark.parametrize(
    'name',
    [
        'TF_ENABLE_ONEDNN_OPTS',
        'TF_DETERMINISTIC_OPS',
        'TF_CUDNN_DETERMINISTIC',
        'TF_CUDNN_USE_AUTOTUNE',
        'TF_XLA_FLAGS',
        'XLA_FLAGS',
        'TF_NUM_INTRAOP_THREADS',
        'TF_NUM_INTEROP_THREADS',
        'TF_ENABLE_CUBLAS_TENSOR_OP_MATH_FP32',
        'NVIDIA_TF32_OVERRIDE',
        'CUBLAS_WORKSPACE_CONFIG',
        'CUDA_VISIBLE_DEVICES',
        'OMP_NUM_THREADS',
        'MKL_NUM_THREADS',
        'MKL_CBWR',
        'KMP_DETERMINISTIC_REDUCTION',
        'OPENBLAS_CORETYPE',
        'DNNL_MAX_CPU_ISA',
        'ONEDNN_MAX_CPU_ISA',
        'NPY_DISABLE_CPU_FEATURES',
        'PYTHONHASHSEED',
    ],
)
def test_variables_that_change_numbers_are_written_down(monkeypatch, name):
  for other in [*machine.variables()]:
    monkeypatch.delenv(other)
  assert not machine.variables()
  monkeypatch.setenv(name, 'a value')
  assert machine.variables() == {name: 'a value'}


@pytest.mark.parametrize(
    'name',
    [
        'TF_CPP_MIN_LOG_LEVEL',
        'TF_FORCE_GPU_ALLOW_GROWTH',
        'TF_VAR_password',
        'TF_TOKEN_app',
        'TF_HTTP_PASSWORD',
        'NVIDIA_API_KEY',
        'HOME',
    ],
)
def test_others_are_not(monkeypatch, name):
  monkeypatch.setenv(name, 'a secret')
  assert name not in machine.variables()


def test_the_processor_is_named(monkeypatch):
  assert machine.processor() == machine.processor() != ''
  text = (
      'processor\t: 0\nmodel name\t: Quick 3000\n'
      'flags\t\t: fpu sse avx avx2 fma\n\n'
      'processor\t: 1\nmodel name\t: Slow\n'
  )
  monkeypatch.setattr(machine.pathlib.Path, 'read_text', lambda *_, **__: text)
  assert machine.processor() == 'Quick 3000 (avx avx2 fma)'
  monkeypatch.setattr(
      machine.pathlib.Path, 'read_text', lambda *_, **__: 'Features: fp'
  )
  assert machine.processor() == os.uname().machine
