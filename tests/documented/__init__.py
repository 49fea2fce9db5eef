"""Commands and code of the pages, collected and run unchanged."""
