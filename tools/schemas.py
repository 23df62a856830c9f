"""Write the JSON Schemas in docs/, or with --check say whether they are what the code says."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.core.plan import plan_schema
from shared.core.reports import restore_report_schema
from shared.core.restore_points import restore_point_schema

DOCS = Path(__file__).parent.parent / "docs"
SCHEMAS: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "plan.schema.json": (plan_schema, "shared/core/plan.py"),
    "restore-point.schema.json": (restore_point_schema, "shared/core/restore_points.py"),
    "restore-report.schema.json": (restore_report_schema, "shared/core/reports.py"),
}


def main() -> int:
    """Return 0 when the files are written, or agree; 1 when one drifted."""
    is_check = "--check" in sys.argv[1:]
    drifted = False
    for name, (schema, origin) in SCHEMAS.items():
        path, text = DOCS / name, json.dumps(schema(), indent=2) + "\n"
        if not is_check:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            print(f"docs/{name} is not what {origin} says: run `make schema`", file=sys.stderr)
            drifted = True
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main())
