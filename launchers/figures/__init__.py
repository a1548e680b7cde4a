"""Pictures and tables made from the files of runs."""
