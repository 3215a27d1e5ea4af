"""The documentation site: `make docs` writes it to build/docs, offline."""

import os
import shutil
from importlib.metadata import version as installed
from pathlib import Path

project = "Impel"
author = "the Impel project"
copyright = "the Impel project"  # noqa: A001 - Sphinx's own name
release = version = installed("impel")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["_build"]
# A console block may hold a quoted body of several lines, which the highlighter does not know.
suppress_warnings = ["misc.highlighting_failure"]
html_theme = "furo"
html_title = "Impel"
html_show_sourcelink = False
# No page asks another server for anything.
html_theme_options = {"source_repository": "", "footer_icons": []}

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# Each notebook runs in a folder of its own, from nothing; one that fails is an error.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autosummary_generate = True
napoleon_google_docstring = False
napoleon_use_ivar = True

# Notebooks lie at the top of the project; Sphinx reads what is below this folder.
_HERE = Path(__file__).parent
shutil.copytree(_HERE.parent / "notebooks", _HERE / "notebooks", dirs_exist_ok=True)

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "true")
