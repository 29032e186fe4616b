"""From prediction files to tables, figures and the report."""
