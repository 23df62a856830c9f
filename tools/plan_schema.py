"""Write docs/plan.schema.json, or with --check say whether it is what the code says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from shared.core.plan import plan_schema

PATH = Path(__file__).parent.parent / "docs" / "plan.schema.json"


def main() -> int:
    """Return 0 when the file is written, or agrees; 1 when it drifted."""
    text = json.dumps(plan_schema(), indent=2) + "\n"
    if "--check" in sys.argv[1:]:
        agrees = PATH.is_file() and PATH.read_text(encoding="utf-8") == text
        if not agrees:
            print(
                "docs/plan.schema.json is not what shared/core/plan.py says: run `make schema`",
                file=sys.stderr,
            )
        return 0 if agrees else 1
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
