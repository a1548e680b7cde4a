"""Which operations of a learner's step a GPU could not compute."""

from tensorflow.core.framework import types_pb2
from tensorflow.python.framework import kernels

# What only passes values on.
_WITHOUT_KERNEL = ('Placeholder', '_Arg', '_Retval')


def missing(learner):
  """Returns the operations without a kernel for GPUs, after a step.

  TensorFlow registers these kernels on machines without a GPU, too.
  """
  graph = learner._traced_step.graph.as_graph_def()
  nodes = list(graph.node)
  for function in graph.library.function:
    nodes += function.node_def
  assert len(nodes) > 100
  return sorted(
      {
          f'{node.op}({", ".join(_types(node))})'
          for node in nodes
          if node.op not in _WITHOUT_KERNEL and not _has_kernel(node)
      }
  )


def _has_kernel(node):
  return any(
      kernel.device_type in ('GPU', 'DEFAULT')
      and all(_is_allowed(node, constraint) for constraint in kernel.constraint)
      for kernel in kernels.get_registered_kernels_for_op(node.op).kernel
  )


def _is_allowed(node, constraint):
  value = node.attr[constraint.name]
  types = list(value.list.type) if value.HasField('list') else [value.type]
  allowed = set(constraint.allowed_values.list.type)
  return not allowed or set(types) <= allowed


def _types(node):
  return sorted(
      types_pb2.DataType.Name(value.type)
      for value in node.attr.values()
      if value.HasField('type')
  )
