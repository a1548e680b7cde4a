"""Fields of configs: what they refuse, and that each has help and checks."""

import ast
import dataclasses
import pathlib
import re
from typing import Literal, Tuple

from distillery.agents.core import config_fields
from distillery.agents.distral import soft_q_learning
from distillery.launchers.common import run_options
from helpers import configs
import pytest

CONFIGS = [
    *configs.CONFIGS.values(),
    soft_q_learning.SoftQConfig,
    run_options.RunOptions,
]
NAN = float('nan')


@dataclasses.dataclass(frozen=True)
class Config:
  """An example."""

  number: int = config_fields.field(1, 'A number.', config_fields.POSITIVE)
  sizes: Tuple[int, ...] = config_fields.field(
      (1,), 'Sizes.', config_fields.NOT_EMPTY, config_fields.POSITIVE
  )
  weight: float = config_fields.field(
      0.0, 'A weight.', config_fields.NOT_NEGATIVE
  )
  share: float = config_fields.field(
      0.0, 'A share.', config_fields.FROM_ZERO_TO_ONE
  )
  ratio: float = config_fields.field(
      0.5, 'A ratio.', config_fields.BETWEEN_ZERO_AND_ONE
  )
  discount: float = config_fields.field(
      0.5,
      'A discount.',
      config_fields.FROM_ZERO_TO_ONE,
      config_fields.BELOW_ONE,
  )
  target: float = config_fields.field(-1.0, 'A target.', config_fields.FINITE)
  kind: Literal['one', 'two'] = config_fields.field('one', 'A kind.')
  path: str = config_fields.field('', 'A path.', is_path=True)
  film: str = config_fields.field(
      'a.gif', 'A film.', config_fields.ends_in('.gif', '.png')
  )
  seed: int = config_fields.field(
      0, 'A seed.', config_fields.SEED, repeat=False
  )

  def __post_init__(self):
    config_fields.check_fields(self)


@pytest.mark.parametrize(
    'values, sentence',
    [
        (dict(number=0), 'number must be positive, got 0.'),
        (dict(number=NAN), 'number must be positive, got nan.'),
        (dict(sizes=()), 'sizes must have at least one layer, got none.'),
        (dict(sizes=(3, 0)), 'sizes must be positive, got (3, 0).'),
        (dict(weight=-1.0), 'weight must not be negative, got -1.0.'),
        (dict(weight=float('inf')), 'weight must not be negative, got inf.'),
        (dict(share=1.5), 'share must be in [0, 1], got 1.5.'),
        (dict(ratio=1.0), 'ratio must be in (0, 1), got 1.0.'),
        (dict(discount=NAN), 'discount must be in [0, 1], got nan.'),
        (
            dict(discount=1.0),
            'discount must be below 1, got 1: values of an endless task would '
            'not be finite.',
        ),
        (dict(target=NAN), 'target must be finite, got nan.'),
        (
            dict(film='a.jpg'),
            "film must end in .gif or .png, got 'a.jpg'.",
        ),
        (dict(seed=-1), 'seed must be in [0, 2**32), got -1.'),
        (dict(seed=2**32), 'seed must be in [0, 2**32), got 4294967296.'),
        (
            dict(kind='three'),
            "kind must be one of ('one', 'two'), got 'three'.",
        ),
    ],
)
def test_a_fault_raises_one_sentence(values, sentence):
  with pytest.raises(ValueError, match=f'^{re.escape(sentence)}$'):
    Config(**values)


def test_a_field_knows_its_help_and_its_kind():
  fields = {field.name: field for field in dataclasses.fields(Config)}
  assert Config() == Config(
      1, (1,), 0.0, 0.0, 0.5, 0.5, -1.0, 'one', '', 'a.gif', 0
  )
  assert fields['weight'].metadata['help'] == 'A weight.'
  assert fields['path'].metadata['is_path']
  assert not fields['weight'].metadata['is_path']
  assert fields['weight'].metadata['repeat']
  assert not fields['seed'].metadata['repeat']


def test_a_field_without_help_is_refused():
  with pytest.raises(ValueError, match="^help: got ' '"):
    config_fields.field(0, ' ')


def test_an_unknown_check_is_refused():
  with pytest.raises(TypeError, match="^checks: got 'positive', want a Check"):
    config_fields.field(0, 'A number.', 'positive')


@pytest.mark.parametrize('config', CONFIGS, ids=lambda config: config.__name__)
def test_every_field_has_help_and_checks(config):
  for field in dataclasses.fields(config):
    assert {'help', 'checks', 'is_path', 'repeat'} == set(field.metadata)
    # `--help` is read by users: sentences, in the order of words of English.
    assert re.fullmatch(r"[A-Z'c].*\.", field.metadata['help']), field.name
    for check in field.metadata['checks']:
      assert isinstance(check, config_fields.Check), field.name
      # Each check has to be able to answer for the field's own type.
      assert check.holds(field.default) in (True, False), field.name


@pytest.mark.parametrize('config', CONFIGS, ids=lambda config: config.__name__)
def test_a_config_is_described_in_its_fields_alone(config):
  for base in config.__mro__:
    assert 'Attributes:' not in (base.__doc__ or ''), base


def test_help_that_agents_share_is_written_once():
  agents = pathlib.Path(config_fields.__file__).parents[1]
  texts = [
      node.args[1].value
      for path in agents.glob('**/*.py')
      for node in ast.walk(ast.parse(path.read_text(encoding='utf-8')))
      if isinstance(node, ast.Call)
      and ast.unparse(node.func) == 'config_fields.field'
      and isinstance(node.args[1], ast.Constant)
  ]
  assert len(texts) > 50
  assert not [text for text in texts if texts.count(text) > 1]
