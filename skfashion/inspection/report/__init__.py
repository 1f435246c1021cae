"""One page to send on: what was trained, how good it is, and where it fails."""

from skfashion.inspection.report.report import Report, make_report

__all__ = ["Report", "make_report"]
