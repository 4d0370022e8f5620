"""Write settings that work.

- `init`: add a target to the configuration file, once it has answered.
- `dialogue`: ask on the terminal for what the options leave out.
- `writing`: the new text of the configuration file, and how it replaces the old one.
"""
