"""Charts as pictures of their own, that say the same in light and dark, on a telephone and on a desk (R63, R73)."""

import sys
from collections.abc import Callable, Sequence
from math import ceil
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

from flask import Response, request
from pygal import Line, PluginImportFixer, StackedBar
from pygal.style import Style

from webapp.display import seconds

# It finds maps, which nobody draws here, in a way that Python itself warns of at every import that fails.
sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, PluginImportFixer)]
# What a page shows by itself (style.css) a picture has to bring along.
LIGHT = "--ink:#1d2128;--hush:#626a78;--line:#e3e6eb;--accent:#3f5bd9;--wrong:#c22f3d;--warn:#b87400"
DARK = "--ink:#e7e9ee;--hush:#9aa2b1;--line:#2b303a;--accent:#8ea2ff;--wrong:#ff8590;--warn:#f0bd66"
COLORS = f"inline:svg{{{LIGHT}}}@media (prefers-color-scheme:dark){{svg{{{DARK}}}}}"
SIZES = {"wide": {"width": 560, "height": 250, "marks": 6}, "narrow": {"width": 350, "height": 220, "marks": 4}}
LOOK = {"legend_at_bottom": True, "truncate_label": -1, "max_scale": 6, "margin": 4, "margin_right": 24}
# Nothing but the picture's own style, where somebody opens it for itself.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
Unit = Callable[[float], str]


class Series(NamedTuple):
    """What one colour of a chart stands for."""

    name: str
    color: str
    values: Sequence[float | None]


def bars(
    labels: Sequence[str], series: Sequence[Series], *, unit: Callable[[float], str] = "{:,.0f}".format
) -> Response:
    """Answer with amounts that stand on each other."""
    return _draw(StackedBar, labels, series, value_formatter=unit)


def lines(labels: Sequence[str], series: Sequence[Series]) -> Response:
    """Answer with seconds that go up and down, and are not there where nothing was."""
    return _draw(Line, labels, series, value_formatter=seconds, allow_interruptions=True, dots_size=2)


def _draw(kind: type[Any], labels: Sequence[str], series: Sequence[Series], **how: Any) -> Response:  # noqa: ANN401
    size = SIZES["narrow" if "narrow" in request.args else "wide"]
    chart = kind(**how, width=size["width"], height=size["height"], style=_style(series), js=())
    chart.config(**LOOK, show_legend=len(series) > 1, legend_at_bottom_columns=len(series))
    chart.config.css.append(COLORS)
    chart.add_xml_filter(_without_scripts)
    every = ceil(len(labels) / size["marks"])
    chart.x_labels = [label if number % every == 0 else "" for number, label in enumerate(labels)]
    for each in series:
        chart.add(each.name, each.values)
    return Response(chart.render(), mimetype="image/svg+xml", headers={"Content-Security-Policy": POLICY})


def _style(series: Sequence[Series]) -> Style:
    return Style(
        background="transparent",
        plot_background="transparent",
        foreground="var(--hush)",
        foreground_strong="var(--ink)",
        foreground_subtle="var(--line)",
        guide_stroke_color="var(--line)",
        major_guide_stroke_color="var(--line)",
        colors=tuple(f"var(--{each.color})" for each in series),
        font_family="system-ui, sans-serif",
        opacity="1",
        transition="none",
        **dict.fromkeys(("label_font_size", "major_label_font_size", "legend_font_size"), 12),
    )


def _without_scripts(root: Element) -> Element:
    for parent in list(root.iter()):
        for script in parent.findall("script"):
            parent.remove(script)
    return root
