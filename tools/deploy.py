"""
`python3 -m tools.deploy <command>`: make a small environment from requirements.txt, and run `deploy` in it.

Standard library only, for whichever Python azd's hooks find. This file must also parse on a Python that is
too old for everything else, because it says so.
"""

import sys

OLDEST = (3, 11)


def main() -> int:
    """Check the Python that runs this, then do the work."""
    if sys.version_info[:2] < OLDEST:
        found = ".".join(str(number) for number in sys.version_info[:2])
        sys.stderr.write(
            f"deploy: {sys.executable} is Python {found}, and 3.11 or newer is needed: install one, and put "
            "it first on the PATH\n"
        )
        return 1
    from tools import deployment

    return deployment.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
