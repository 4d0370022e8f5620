"""The first sentence of each command, for the page that lists them all.

It repeats the command's docstring, which cannot be read without loading the command.
"""

from typing import Final

SENTENCES: Final = {
    "set": "Write records from arguments, files or stdin.",
    "get": "Read records and print them as JSON Lines.",
    "delete": "Delete keys, or what selectors choose.",
    "list": "Print keys: all of them, or a selection.",
    "export": "Save records as JSON Lines that set can load.",
    "du": "Show how many keys and bytes each prefix takes.",
    "verify": "Check that an export is whole and unchanged.",
    "diff": "Compare the records of two stores or files.",
    "sync": "Write what a store lacks or holds differently from another.",
    "expire": "Give existing records a ttl, so that a store cleans itself.",
    "clean": "Clean a store up by the rules of a file.",
    "apply": "Carry out a plan that delete, expire, clean or sync wrote.",
    "ping": "Find out whether a target answers, without writing.",
    "probe": "Find out what a target does where documentation is silent.",
    "serve": "Run the emulator of the service as an HTTP server.",
    "installations": "List the installations of an app.",
    "completion": "Print the script by which a shell completes kvsctl.",
    "help": "Show all options of a command, or a topic.",
    "journal": "Inspect a journal written by --journal.",
    "report": "Add up reports written by --report.",
    "bridge": "Let kvsctl reach the stores of a Forge app.",
    "config": "Show settings and targets, and write a configuration file.",
}
"""In the order of the page."""
