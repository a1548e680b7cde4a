"""The pages: README is short, and links lead to files."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[1]


def test_the_readme_is_short():
  assert len((ROOT / 'README.md').read_text().splitlines()) <= 200


def test_links_lead_to_files():
  pages = [
      *ROOT.glob('*.md'),
      *ROOT.glob('docs/*.md'),
      *ROOT.glob('agents/*/*.md'),
      *ROOT.glob('environments/*.md'),
  ]
  assert len(pages) > 10
  missing = [
      f'{page.relative_to(ROOT)}: {link}'
      for page in pages
      for link in re.findall(r'\]\((?!http|#)([^)#]+)', page.read_text())
      if not (page.parent / link).exists()
  ]
  assert not missing
