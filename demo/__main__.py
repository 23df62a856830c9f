"""`python -m demo`: takes the signals before anything else is loaded, then hands over to the command."""

from __future__ import annotations

import sys

from demo import interruption


def main() -> int:
    """Run the demo; 130 after Ctrl-C, with everything ended."""
    try:
        interruption.install()
        from demo import command

        return command.main(sys.argv[1:])
    except interruption.Interrupted as stop:
        print("\n  Interrupted; everything that was started has been ended.", flush=True)
        return stop.exit_code


if __name__ == "__main__":
    sys.exit(main())
