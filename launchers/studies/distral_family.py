"""The seven algorithms of Distral's table 1, as flags of `run_distral.py`."""

import dataclasses
from typing import Dict, List


@dataclasses.dataclass(frozen=True)
class Algorithm:
  """An algorithm of the family.

  Attributes:
    architecture: the architecture of the task policies, a value of
      --architecture.
    kl_share: c_KL / (c_KL + c_Ent) in [0, 1], the alpha of the objective.
    logits_alpha: the power of pi_0 in two columns.
    regularizer: the estimator of KL and entropy, a value of --regularizer.
  """

  architecture: str
  kl_share: float
  logits_alpha: float = 0.5
  regularizer: str = 'exact'

  def flags(self, cost: float) -> List[str]:
    """Returns the command line flags for c_KL + c_Ent = `cost`."""
    return [
        f'--architecture={self.architecture}',
        f'--kl_cost={self.kl_share * cost:g}',
        f'--entropy_cost={(1. - self.kl_share) * cost:g}',
        f'--logits_alpha={self.logits_alpha:g}',
        f'--regularizer={self.regularizer}',
        # The paper's pi_0 has no loss of its own.
        '--centroid_cost=0',
    ]


ALGORITHMS: Dict[str, Algorithm] = {
    'A3C': Algorithm('separate', 0.0, regularizer='bonus'),
    'A3C multitask': Algorithm('shared', 0.0, regularizer='bonus'),
    'A3C 2col': Algorithm('two_column', 0.0, regularizer='bonus'),
    'KL 1col': Algorithm('separate', 1.0),
    'KL+ent 1col': Algorithm('separate', 0.5),
    'KL 2col': Algorithm('two_column', 1.0, logits_alpha=1.0),
    'KL+ent 2col': Algorithm('two_column', 0.5),
}
