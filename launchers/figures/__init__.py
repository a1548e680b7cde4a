"""Pictures and tables that are drawn from the files of runs."""
