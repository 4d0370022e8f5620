"""The command line: options become a frozen request, the request a run."""
