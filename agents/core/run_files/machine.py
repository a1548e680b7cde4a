"""Describes what results depend on besides the program.

These are environment variables and the processor.
"""

import os
import pathlib
import platform
from typing import Dict

# The prefixes of environment variables that change what is computed, or the
# order in which it is summed. Other variables with TF_ or NVIDIA_ may belong to
# other programs, and may hold secrets.
_PREFIXES = (
    'TF_AUTO_MIXED',
    'TF_CUDNN',
    'TF_CUBLAS',
    'TF_DETERMINISTIC',
    'TF_DISABLE',
    'TF_ENABLE',
    'TF_FP16',
    'TF_GPU_THREAD',
    'TF_JIT',
    'TF_MKL',
    'TF_NUM_',
    'TF_ONEDNN',
    'TF_OVERRIDE',
    'TF_TENSOR_FLOAT',
    'TF_USE',
    'TF_XLA',
    'XLA_',
    'ONEDNN_',
    'DNNL_',
    'MKL_',
    'KMP_',
    'OMP_',
    'GOMP_',
    'OPENBLAS_',
    'GOTO_',
    'BLIS_',
    'VECLIB_',
    'NUMEXPR_',
    'NPY_',
    'EIGEN_',
    'CUDA_VISIBLE_DEVICES',
    'CUBLAS_',
    'CUDNN_',
    'NVIDIA_TF32',
    'GLIBC_TUNABLES',
    'LD_PRELOAD',
    'PYTHONHASHSEED',
)
_FEATURES = ('avx', 'fma', 'amx')


def variables() -> Dict[str, str]:
  """Returns the environment variables that are set and may change results."""
  return {
      name: value
      for name, value in sorted(os.environ.items())
      if name.startswith(_PREFIXES)
  }


def processor() -> str:
  """Returns the processor's name, followed by its vector instructions."""
  fields: Dict[str, str] = {}
  try:
    text = pathlib.Path('/proc/cpuinfo').read_text(encoding='utf-8')
  except OSError:
    return platform.machine()
  for line in text.splitlines():
    name, _, value = line.partition(':')
    fields.setdefault(name.strip(), value.strip())
  features = [
      feature
      for feature in fields.get('flags', '').split()
      if feature.startswith(_FEATURES)
  ]
  name = fields.get('model name', platform.machine())
  return f'{name} ({" ".join(features)})' if features else name
