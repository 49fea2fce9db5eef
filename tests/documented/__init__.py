"""The commands and the code of the pages, collected and run as they stand."""
