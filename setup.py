import setuptools
FOLDERS = ('ops', 'networks', 'environments', 'agents', 'agents.core', 'agents.distral', 'launchers')
setuptools.setup(name='acme-distillery', version='0.1.0', packages=[f'distillery.{f}' for f in FOLDERS],
  package_dir={f'distillery.{f}': f.replace('.', '/') for f in FOLDERS})
