"""Pages of HTML that need no network: images and charts inside the file."""

import base64
import html
import io
from functools import cache
from importlib import resources

import numpy as np

from skfashion.utils.extras import installed_by
from skfashion.utils.files import write_text

# Where the templates of the package are; those of others extend ``page.html`` there.
TEMPLATES = ("skfashion.inspection", "templates")


def png_uri(content):
    """Return the bytes of a PNG file as the address of itself, ``data:image/png;base64,...``."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")


def data_uri(picture):
    """Return an image as the address of itself.

    Parameters
    ----------
    picture : ndarray of shape (h, w) or (h, w, 3)
        From 0 to 1.

    Returns
    -------
    str
        ``data:image/png;base64,...``
    """
    from PIL import Image

    levels = np.clip(np.rint(np.asarray(picture) * 255), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "png", optimize=True)
    return png_uri(file.getvalue())


def import_charts():
    """Return altair, ready to write pages that need no network.

    Raises
    ------
    ImportError
        If it, or vl-convert-python, is not installed, with what to do about it.
    """
    try:
        import altair
        import vl_convert  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"Interactive pages need altair and vl-convert-python ({error}); install them with: "
            f"{installed_by('report')}"
        ) from error
    return altair


def specification(chart):
    """Return a chart of altair as Vega-Lite, a dict, all its rows in it.

    Raises
    ------
    ImportError
        As `import_charts`.
    """
    # The limit of 5,000 rows is for notebooks that keep each output; other transformers put the
    # rows outside of the page.
    with import_charts().data_transformers.enable("default", max_rows=None):
        return chart.to_dict()


def render(template, *, charts, folder=None, **values):
    """Return a page of HTML that needs no network.

    Parameters
    ----------
    template : str
        File that extends ``page.html``, which has the style, the scripts and the policy that
        refuses requests.
    charts : dict of str to dict
        Specifications, by the names that ``data-chart`` of their places has.
    folder : pathlib.Path, default=None
        Where the template is; None is the package's own folder.
    **values : dict
        What the template names.

    Returns
    -------
    str

    Raises
    ------
    ImportError
        As `import_charts`.
    """
    bundle = _bundle()
    import jinja2

    package, name = TEMPLATES
    places = [place for place in (folder, resources.files(package) / name) if place is not None]

    def source(name):
        files = [place / name for place in places]
        return next((file.read_text("utf-8") for file in files if file.is_file()), None)

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        # Names of classes and models are text, whatever is in them.
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["source"] = source
    return environment.get_template(template).render(charts=charts, bundle=bundle, **values)


@cache
def _bundle():
    """Return the scripts that draw charts, of the Vega-Lite that altair writes."""
    altair = import_charts()
    import vl_convert

    version = ".".join(altair.SCHEMA_VERSION.split(".")[:2])
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)


def write_chart(path, chart, title, about):
    """Write a page that holds one chart, a heading and a paragraph about it."""
    page = render("chart.html", charts={"chart": specification(chart)}, title=title, about=about)
    write_text(path, page)


def framed(page, title):
    """Return a page within a frame that cannot reach the notebook around it, as HTML."""
    return (
        f'<iframe srcdoc="{html.escape(page)}" title="{title}" sandbox="allow-scripts" '
        'style="width:100%;height:800px;border:0"></iframe>'
    )
