"""Sphinx: the documentation site, made of these pages, the notebooks, the experiments' files and the docstrings.

Nothing is fetched, neither by the build nor by a reader's browser: mathematics becomes MathML, and the theme ships its
fonts. The build runs every notebook and ends with an error if one fails.
"""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))

import tutorials  # noqa: E402

import cevnsjax  # noqa: E402

# The build and the notebooks' kernels share the programs that they compile.
if cevnsjax.cache_compilations():
    os.environ["IPYTHONDIR"] = str(tutorials.kernels_folder(DOCS / "_build"))

project = "cevnsjax"
author = "The cevnsjax developers"
copyright = author
release = version = cevnsjax.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "mathml",
    "tutorials",
    "experiment_pages",
    "api_pages",
    "command_pages",
    "changes",
    "signs",
]
exclude_patterns = ["_build", "_ext"]
suppress_warnings: list[str] = []
highlight_language = "text"  # indented blocks are commands
default_role = "literal"  # docstrings write code in single backticks, as Markdown does

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
napoleon_numpy_docstring = False

# Each notebook runs once for each state of the package and its data; an error in one ends the build.
nb_execution_mode = "cache"
nb_execution_cache_path = str(tutorials.cache_folder(DOCS / "_build"))
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_in_temp = True
nb_execution_timeout = 300

html_theme = "pydata_sphinx_theme"
html_title = "cevnsjax"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "cevnsjax"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
