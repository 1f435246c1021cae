"""The page of a dashboard, of its sections."""

from datetime import datetime

from skfashion.inspection.pages import render, specification


def write_page(sections, *, title, reload_seconds=None):
    """Return the sections as one page of HTML.

    Parameters
    ----------
    sections : list of dict
        As ``section_of`` returns them.
    title : str
    reload_seconds : float, default=None
        How often the open page reads its file again; None is never.

    Returns
    -------
    str
    """
    charts, parts = {}, []
    for place, section in enumerate(sections):
        names = {}
        for name, chart in section["charts"].items():
            names[name] = f"{name}-{place}"
            charts[names[name]] = chart if isinstance(chart, dict) else specification(chart)
        parts.append(section | {"id": f"section-{place}", "charts": names})
    return render(
        "dashboard.html",
        charts=charts,
        title=title,
        sections=parts,
        data=[{k: p[k] for k in ("id", "name", "kind", "data", "charts")} for p in parts],
        reload_seconds=reload_seconds,
        written=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S"),
    )
