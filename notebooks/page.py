"""Makes pages that stand alone: an executed notebook as HTML that loads nothing, on screen or in print.

nbconvert's own pages link require.js, Mermaid and MathJax 2 from elsewhere. Here the first two are left out (nothing
uses them), and MathJax 3 is written into those pages that hold maths. A content security policy in the page's head
forbids every request, so that not even a program's text that slipped through as HTML could make one.
"""

import pathlib
import re

from nbconvert import HTMLExporter

ROOT = pathlib.Path(__file__).resolve().parent.parent
MATHJAX = ROOT / ".venv/mathjax/tex-svg.js"

TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:">
{%- endblock -%}
{%- block html_head_js_mathjax -%}{{ resources.maths }}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
"""

# Dollars are maths in Markdown only: a program's text or a cell's output shows them as they are.
CONFIG = r"""<script>window.MathJax = {
  tex: {inlineMath: [['$', '$'], ['\\(', '\\)']]},
  svg: {fontCache: 'none'},
  options: {ignoreHtmlClass: 'jp-Notebook', processHtmlClass: 'jp-RenderedMarkdown', enableMenu: false},
}</script>"""


def has_maths(nb):
    """Reports whether a Markdown cell holds maths, outside of code."""
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"(?ms)^```.*?^```|`[^`\n]*`", "", cell.source)
            if re.search(r"(?s)\$[^\s$](?:[^$]*[^\s$])?\$|\$\$.+?\$\$|\\\(|\\\[|\\begin\{", text):
                return True
    return False


def render(nb, title):
    """Returns the page of an executed notebook, about 0.3 MB and its figures, 2.1 MB more where it holds maths."""
    maths = ""
    if has_maths(nb):
        maths = CONFIG + "<script>" + MATHJAX.read_text().replace("</script", "<\\/script") + "</script>"
    html, _ = HTMLExporter(raw_template=TEMPLATE).from_notebook_node(nb, {"metadata": {"name": title}, "maths": maths})
    return html


def loads(html):
    """Lists what a page would fetch from elsewhere; links that a reader follows are none."""
    tags = re.sub(r"(?s)(<script\b[^>]*>).*?</script>", r"\1", html)
    return re.findall(r"<(?:script|link|img|iframe|source|video|audio|object|embed)\b[^>]*?(?:src|href|data)=[\"']?((?:https?:)?//[^\"'\s>]+)", tags)
