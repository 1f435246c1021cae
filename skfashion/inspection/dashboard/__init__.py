"""One page of studies, searches and drift logs, whose charts follow what is chosen.

The templates of the page lie in ``inspection/templates``.
"""

from skfashion.inspection.dashboard.dashboard import Dashboard, make_dashboard

__all__ = ["Dashboard", "make_dashboard"]
