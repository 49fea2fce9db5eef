"""The command line: commands in groups, imported when they are called."""
