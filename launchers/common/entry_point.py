"""Runs the `main` of every launcher: parses flags and reports errors."""

import io
import pathlib
import signal
import sys
import traceback
from typing import Any, Callable, List, NoReturn, Optional, Tuple, Type
import warnings

from absl import app
from absl import flags
from absl import logging
from distillery.distributed import quiet
from distillery.distributed import watchdog
from distillery.launchers.common import help_texts


def run(
    main: Callable[[List[str]], Any],
    *,
    errors: Tuple[Type[BaseException], ...] = (),
    positional: str = '',
) -> None:
  """Parses the flags and calls `main`; the last line of every launcher.

  An error that the user can correct is printed as one sentence on stderr, with
  exit status 1: flags that do not parse, a ValueError raised by this library,
  an OSError, and `errors`. Any other exception is a defect and keeps its
  traceback, and so does a ValueError that another package raised.

  Args:
    main: the function to call with the list of positional arguments, which
      does not contain the name of the program.
    errors: further exceptions whose message is written for the user. Text after
      a blank line in the message, and the exception's notes, are details that
      are printed above the sentence.
    positional: the name of the positional arguments in error messages; empty if
      the launcher takes none.
  """
  quiet.quiet_tensorflow()
  # A name may have characters that the terminal cannot encode.
  if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(errors='backslashreplace')
  warnings.formatwarning = lambda message, *_: f'warning: {message}\n'
  interrupts = []

  def interrupt(number, frame):
    interrupts.append(number)
    if len(interrupts) == 1:  # A second one would interrupt the clean-up.
      signal.default_int_handler(number, frame)

  def on_unraisable(unraisable):
    # Ctrl-C in a callback that cannot raise: the watchdog ends the program.
    if not isinstance(unraisable.exc_value, KeyboardInterrupt):
      sys.__unraisablehook__(unraisable)

  def guarded_main(argv):
    if not flags.FLAGS['verbosity'].present:
      # Hides the INFO messages of other packages.
      logging.set_verbosity(logging.WARNING)
    arguments = argv[1:]
    if arguments and not positional:
      _fail(f'unexpected argument {arguments[0]!r}, want only --flags')
    if positional and not arguments:
      _fail(f'no {positional} given; --help says more')
    if signal.getsignal(signal.SIGINT) is interrupt:
      watchdog.start()
    try:
      return main(arguments)
    except (KeyboardInterrupt, Exception) as error:
      # Native code may turn an interrupt into an error of its own.
      if interrupts or isinstance(error, KeyboardInterrupt):
        watchdog.end()
      if isinstance(error, (OSError, *errors)) or (
          isinstance(error, ValueError) and _raised_by_us(error)
      ):
        _fail_with(error)
      raise

  # A shell makes its background jobs ignore Ctrl-C, and they must keep that.
  if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, interrupt)
    sys.unraisablehook = on_unraisable
  app.run(guarded_main, flags_parser=_parse_flags)


def _parse_flags(argv: List[str]) -> List[str]:
  """Parses the flags; ends the program if one does not parse.

  A run that is resumed has the flags that it was started with, unless the
  command line has others.
  """
  if any(argument in help_texts.REQUESTS for argument in argv[1:]):
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # As for `| head`.
    print(help_texts.text(flags.FLAGS))
    sys.exit()
  try:
    arguments = flags.FLAGS(argv)
  except (flags.Error, UnicodeError) as error:  # A flagfile may be no UTF-8.
    _fail(f'{error} (--help lists the flags)')
  flagfile = _flagfile_to_resume()
  if flagfile is None:
    return arguments
  flags.FLAGS.unparse_flags()
  try:
    return flags.FLAGS([argv[0], f'--flagfile={flagfile}', *argv[1:]])
  except (flags.Error, UnicodeError) as error:
    _fail(
        f'cannot resume by the flags in {flagfile}: {error}; want the launcher '
        'that made this run.'
    )


def _flagfile_to_resume() -> Optional[pathlib.Path]:
  """Returns the flags of the run to resume; None if there are none."""
  if not all(name in flags.FLAGS for name in ('resume', 'run_dir')):
    return None
  if not (flags.FLAGS['resume'].value and flags.FLAGS['run_dir'].value):
    return None
  path = pathlib.Path(flags.FLAGS['run_dir'].value, 'flags.cfg')
  return path if path.is_file() else None


def _raised_by_us(error: BaseException) -> bool:
  """Returns whether this library, or the launcher, raised the error."""
  *_, (frame, _) = traceback.walk_tb(error.__traceback__)
  module = frame.f_globals.get('__name__', '')
  return module == '__main__' or module.startswith('distillery.')


def _fail_with(error: BaseException) -> NoReturn:
  sentence, _, details = str(error).partition('\n\n')
  notes = getattr(error, '__notes__', ())  # only from Python 3.11 on
  for text in (details, *notes):
    if text:
      print(text, file=sys.stderr)
  _fail(' '.join(sentence.split()))


def _fail(sentence: str) -> NoReturn:
  print(f'error: {sentence}', file=sys.stderr)
  sys.exit(1)
