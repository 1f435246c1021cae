"""Tables as Markdown has them."""


def pipe_table(lines, headings):
    """Return a table whose cells are text already.

    Parameters
    ----------
    lines : list of list of str
    headings : list of str

    Returns
    -------
    str
    """
    from tabulate import tabulate

    return tabulate(lines, headings, tablefmt="pipe", disable_numparse=True)
