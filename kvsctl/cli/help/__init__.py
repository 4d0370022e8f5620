"""Help pages and man pages: both are made from the commands, their options and a few texts.

A command's docstring is its sentence and description, and its option groups hold the help of its
options. The rest of a page is here, and is loaded only when a page is shown.

- `command`: commands and groups whose `--help` prints a page.
- `about`: the examples, the common options and the topics of each command.
- `topics`: what `kvsctl help TOPIC` says.
- `page`: the parts of a page, from a command or a topic.
- `layout`: a page as text of a given width.
- `finding`: the page that the words after `kvsctl help` name.
- `manual`: a page as a man page.
- `places`: where the documentation is on this machine.
"""

from kvsctl.cli.help.command import Command, Group

__all__ = ["Command", "Group"]
