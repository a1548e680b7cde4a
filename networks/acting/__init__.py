"""Policies in NumPy, for the processes that step environments.

They compute the forward passes of the Sonnet modules, equal within 1e-5. At the
batch sizes of a simulator TensorFlow takes 5 to 15 times as long. Rows come in
U units of C environments of one task, `[U, C, D]`. Products are computed unit
by unit, so that the result of a row does not depend on the other rows in the
call.
"""

from typing import Any, Callable, Dict, Type

from distillery.networks.acting import columns
from distillery.networks.acting import latent
from distillery.networks.acting import multi_head
from distillery.networks.acting import protocol
from distillery.networks.acting import recurrent
from distillery.networks.acting import squashed

ActingPolicy = protocol.ActingPolicy
StatefulPolicy = protocol.StatefulPolicy
AnyPolicy = protocol.AnyPolicy


def from_json(content: Dict[str, Any]) -> AnyPolicy:
  """Makes a policy of a registered class from the result of its `to_json`.

  Raises:
    ValueError: if the class is unknown.
  """
  fields: Dict[str, Any] = {
      name: tuple(value) if isinstance(value, list) else value
      for name, value in content.items()
  }
  name = fields.pop('class')
  if name not in _POLICIES:
    raise ValueError(f'unknown policy {name!r}; known: {sorted(_POLICIES)}.')
  return _POLICIES[name](**fields)


def register(policy_class: Type[AnyPolicy]) -> Type[AnyPolicy]:
  """Registers a class of policies, so that `from_json` can make them.

  `from_json` finds classes by their names and imports nothing.

  Raises:
    ValueError: if another class has the same name, or the class has no
      `state_size`.
  """
  name = policy_class.__name__
  if _POLICIES.get(name, policy_class) is not policy_class:
    raise ValueError(f'there is a policy {name!r} already: {_POLICIES[name]}.')
  if not hasattr(policy_class, 'state_size'):
    raise ValueError(
        f'policy {name!r} has no `state_size`; want an attribute of the class, '
        'or a property: how many numbers it remembers of an environment, 0 if '
        'it has no memory.'
    )
  _POLICIES[name] = policy_class
  return policy_class


_POLICIES: Dict[str, Callable[..., AnyPolicy]] = {
    kind.__name__: kind
    for kind in (
        columns.ColumnPolicy,
        latent.LatentPolicy,
        squashed.SquashedPolicy,
        recurrent.RecurrentPolicy,
        multi_head.MultiHeadPolicy,
    )
}
