"""What makes the site of this folder: pages are gathered, generated, and read by Sphinx (`docs/build.py`)."""
