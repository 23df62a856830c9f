"""
`python3 -m tools.setup`: make `.venv`, `node_modules` and `build/` from the locks.

This file must also parse on a Python that is too old for everything else, because it says so.
"""

import sys

OLDEST = (3, 11)


def main() -> int:
    """Check the Python that runs this, then do the work; 0 when everything is in place."""
    if sys.version_info[:2] < OLDEST:
        found = ".".join(str(number) for number in sys.version_info[:2])
        sys.stderr.write(
            f"set-up: {sys.executable} is Python {found}, and 3.11 or newer is needed: "
            "install one, or name one, for instance: make demo PYTHON=python3.12\n"
        )
        return 1
    from tools import installation

    return installation.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
