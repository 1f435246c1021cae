"""What a table is: a study, a search, or a drift log."""

from skfashion.inspection.dashboard.drifts import drift_section, is_drift
from skfashion.inspection.dashboard.searches import is_search, search_section
from skfashion.inspection.dashboard.studies import study_section


def section_of(name, frame):
    """Return what the page shows of a table.

    Parameters
    ----------
    name : str
    frame : DataFrame

    Returns
    -------
    dict
        "name", "kind", "summary", a sentence, "data" for the page's script, and "charts":
        specifications by name.

    Raises
    ------
    ValueError
        If the table has no rows, or not the columns of any of the three.
    """
    if not len(frame):
        raise ValueError(
            f"Got {name} without rows, expected a table of results. If they are still being "
            "written, give --watch and the study's cache folder."
        )
    frame = frame.rename(columns=str).reset_index(drop=True)
    if is_search(frame):
        return search_section(name, frame)
    if is_drift(frame):
        return drift_section(name, frame)
    return study_section(name, frame)
