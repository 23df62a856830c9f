"""
Reading one report of one day, page after page.

What is known of how reports page, and what is not, stands in docs/azure-facts.md, "Usage reports". In short:
`$top` and `$skip` exist, their bounds are not published, `count` is no number to lean on, and `byRequest` has
no nextLink. Therefore a report ends where a page shows that there is nothing more, not where a page is short:
a service that caps `$top` below ours would else cut the day without a word.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from shared.core import usage
from shared.core.errors import AccessError, ProtocolError
from shared.core.ports import Arm
from shared.core.services import ServiceRef
from shared.core.usage import WITHOUT_NEXT_LINK, ReportName

PAGE_ROWS = 2000
"""About one megabyte of byRequest; an answer of more than four is cut by the client, and not readable."""
PAGE_ROWS_MIN = 125

RIGHT = "Microsoft.ApiManagement/service/reports/read"


def read_report(
    arm: Arm, service: ServiceRef, report: ReportName, day: dt.date, take: Callable[[Any], bool]
) -> None:
    """
    Hand every row of a report and day to `take`, some of them perhaps twice.

    Where an answer cannot be read, the same rows are asked for in smaller pages: it may have been too
    long, or `$top` too large for the service.

    Args:
        arm: Azure Resource Manager.
        service: whose report.
        report: which one.
        day: a UTC day that is over.
        take: takes one row; tells whether it is new.

    Raises:
        AccessError: the right to read reports is missing; the hint names it.
        NotFoundError, TemporaryError, ProtocolError: as `Arm.read_all`; whatever `take` raises.
    """
    path = f"{service.resource_id}/reports/{report}"
    asked = usage.query(report, day)
    top, skip = PAGE_ROWS, 0
    while True:
        got = fresh = 0
        page = {**asked, "$top": str(top), "$skip": str(skip)}
        try:
            for row in arm.read_all(path, what=f"report {report} of {service.name}", query=page):
                got += 1
                fresh += take(row)
        except AccessError as err:
            hint = f"Give the app's identity {RIGHT} on the service; see docs/usage.md."
            raise AccessError(err.message, hint=hint, code=err.code) from err
        except ProtocolError as err:
            if top <= PAGE_ROWS_MIN or err.code == "ForeignLocation":
                raise
            top, skip = top // 4, skip + got
            continue
        skip += got
        is_full = got > 0 and got % top == 0
        if is_full and not fresh:
            raise ProtocolError(f"report {report} of {service.name} repeats a page", code="PagesRepeat")
        if not got or not (is_full or (fresh and report in WITHOUT_NEXT_LINK)):
            return
