"The palette: complete in light and dark, readable, and the CSS that carries it."

import re

import pytest

from mltoolkit.core import InputError
from mltoolkit.plots import style

TEXT_ON_GROUND = [
    ("ink", "bg"), ("ink", "panel"), ("ink", "soft"), ("dim", "bg"), ("dim", "panel"), ("dim", "soft"), ("accent", "bg"), ("accent", "panel"),
    ("on_accent", "accent"), ("ok", "bg"), ("ok", "ok_bg"), ("warn", "bg"), ("warn", "warn_bg"), ("bad", "bg"), ("bad", "bad_bg"),
]  # fmt: skip


@pytest.mark.parametrize("dark", [False, True])
def test_text_is_readable_on_its_ground(dark):
    c = style.palette(dark=dark)
    for text, ground in TEXT_ON_GROUND:
        assert style.contrast(c[text], c[ground]) >= 4.5, (text, ground)


def test_contrast_of_known_colours():
    assert style.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert style.contrast("#777777", "#777777") == 1
    assert style.contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)  # the well-known lightest grey that passes


def test_both_palettes_have_the_same_names_and_a_caller_cannot_change_them():
    assert list(style.LIGHT) == list(style.DARK)
    style.palette()["ink"] = "red"
    assert style.palette()["ink"] == style.LIGHT["ink"]


@pytest.mark.parametrize("host", ["page", "jupyter"])
def test_css_declares_every_colour_twice_and_is_balanced(host):
    css = style.css_variables(host, scope=".mlt")
    assert css.count("{") == css.count("}")
    for name in style.LIGHT:
        assert css.count(f"--mlt-{name.replace('_', '-')}:") == 2, name
    assert "http" not in css


def test_jupyter_variables_come_first_with_fallbacks():
    css = style.css_variables("jupyter", scope=".mlt")
    assert "var(--jp-ui-font-color1,#1d1f24)" in css
    assert '[data-jp-theme-light="false"] .mlt' in css


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'accent'"):
        style.color("acent")
    with pytest.raises(InputError, match="jupyter"):
        style.css_variables("jupyterlab")


def test_figure_style_leaves_matplotlib_as_it_was():
    import matplotlib

    before = dict(matplotlib.rcParams)
    with style.figure_style(dark=True) as c:
        assert matplotlib.rcParams["axes.facecolor"] == c["bg"] == style.DARK["bg"]
    assert dict(matplotlib.rcParams) == before


def test_colors_follow_the_page():
    assert re.fullmatch(r"var\(--mlt-ok-bg,#[0-9a-f]{6}\)", style.color("ok_bg"))
