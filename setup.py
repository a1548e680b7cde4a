"""Packages every folder of the repository as `distillery.<folder>`."""

import pathlib

import setuptools

_ROOT = pathlib.Path(__file__).resolve().parent
_FOLDERS = (
    'ops',
    'networks',
    'environments',
    'distributed',
    'agents',
    'launchers',
)


def _find_packages() -> list:
  """Returns the dotted path of every folder with an __init__.py."""
  found = []
  for folder in _FOLDERS:
    for init in sorted((_ROOT / folder).rglob('__init__.py')):
      found.append('.'.join(init.parent.relative_to(_ROOT).parts))
  return found


_PACKAGES = _find_packages()

setuptools.setup(
    name='acme-distillery',
    version='0.2.0',
    description=(
        'Multi-task and meta reinforcement learning by policy distillation, '
        'on TensorFlow, Acme and Reverb.'
    ),
    license='Apache-2.0',
    python_requires='>=3.10,<3.12',
    packages=[f'distillery.{package}' for package in _PACKAGES],
    package_dir={
        f'distillery.{package}': package.replace('.', '/')
        for package in _PACKAGES
    },
    package_data={
        **{f'distillery.{folder}': ['py.typed'] for folder in _FOLDERS},
        'distillery.launchers': ['py.typed', 'flags/*.cfg'],
    },
    entry_points={
        'console_scripts': ['distillery = distillery.launchers.command:main']
    },
    install_requires=[
        # These two must match: Reverb is built for one version of TensorFlow.
        'tensorflow==2.15.1',
        'dm-reverb==0.14.0',
        'tensorflow-probability==0.23.0',
        'dm-sonnet==2.0.2',
        'dm-acme==0.2.2',
        'dm-env',
        'dm-tree',
        'absl-py',
        'metaworld==3.1.1',
        'mujoco',
        'scipy>=1.15',
        'gymnasium',
        'numpy<2',
        'packaging',
        'rich',
        'matplotlib',
        'pillow>=10.1',
        # DeepMind Lab's mazes.
        'labmaze',
        # TensorBoard 2.15 imports pkg_resources, which later versions lack.
        'setuptools<81',
    ],
    extras_require={
        # A test trains one of Acme's own TensorFlow agents on our environment;
        # they need jax, gym and trfl.
        'test': [
            'pytest',
            'pytest-timeout',
            'pytest-xdist',
            'psutil',
            'imageio-ffmpeg==0.8.1',
            'optuna==5.0.0',
            'ray==2.52.1',
            'ruff',
            'pyink',
            'mypy',
            'jax==0.4.30',
            'jaxlib==0.4.30',
            'gym==0.26.2',
            'trfl==1.2.0',
        ],
        # The libraries that TRPO, A2C, replay and mazes are compared with
        # (Acme's adders need jax), and Ray for the benchmark of programs.
        'bench': [
            'sb3-contrib==2.9.2',
            'torch==2.13.0',
            'jax==0.4.30',
            'jaxlib==0.4.30',
            'ray==2.52.1',
            'minigrid==3.1.0',
        ],
        # Films in mp4, by `launchers/record.py`.
        'film': ['imageio-ffmpeg==0.8.1'],
        # `launchers/sweep.py`.
        'sweep': ['optuna==5.0.0'],
        # Programs of many processes.
        'distributed': ['ray==2.52.1'],
        'gpu': ['tensorflow[and-cuda]==2.15.1'],
    },
)
