"""One page to send on: what was trained, how good it is, and where it fails.

The templates of the page lie in ``inspection/templates``.
"""

from skfashion.inspection.report.report import Report, make_report

__all__ = ["Report", "make_report"]
