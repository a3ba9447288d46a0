"""Configuration of the documentation."""

import skextras

project = "skextras"
author = "The skextras developers"
copyright = "2026, The skextras developers"
version = release = skextras.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "generated/backreferences"]
default_role = "literal"

# API pages: a class page is laid out by _templates/autosummary/class.rst.
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
# Docstrings link to scikit-learn's glossary, which an offline build cannot look up.
suppress_warnings = ["ref.term", "config.cache"]

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skextras",),
    "reference_url": {"skextras": None},
    "abort_on_example_error": True,
    "download_all_examples": False,
    "plot_gallery": "True",
    "show_memory": False,
    "show_signature": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "skextras"
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "show_toc_level": 2,
}
