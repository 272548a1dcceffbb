"""The view of a docked complex for notebooks: the report without its details, in a frame of its own."""

from __future__ import annotations

from html import escape

from disco_dock.report.folder import DockedFolder
from disco_dock.report.page import report_page

HEIGHT = 900  # pixels


def notebook_view(docked: DockedFolder) -> str:
    """The 3-D view, the distinct poses, the interactions and the summary as HTML for a notebook's output.

    The frame may run its own script and nothing else; it needs no network, no widgets and no extension.
    """
    page = escape(report_page(docked, compact=True))
    style = f"width:100%;height:{HEIGHT}px;border:0"
    return f'<iframe title="Docked poses" style="{style}" sandbox="allow-scripts" srcdoc="{page}"></iframe>'
