"""The choice of the learner's device."""

import re

from distillery.agents.core.running import devices
import pytest


def test_an_unknown_device_is_refused():
  sentence = "device must be 'auto' or 'cpu', got 'gpu'."
  with pytest.raises(ValueError, match=f'^{re.escape(sentence)}$'):
    devices.choose('gpu')
