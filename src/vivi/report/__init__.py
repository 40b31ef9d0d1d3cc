"""Floor 5: tables, figures and pages from the files that the other floors wrote."""
