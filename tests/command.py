"""The command `impel` as somebody types it, run in this process."""

from __future__ import annotations

from click.testing import CliRunner, Result

from training.cli import main


def impel(*arguments: object) -> Result:
    """Run it; an exception that leaves it fails the test."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def done(*arguments: object) -> str:
    """Return what it printed; it must have done what it was asked to."""
    result = impel(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout
