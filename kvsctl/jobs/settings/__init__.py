"""Write settings that work.

- `init`: add a target to the configuration file, once it has answered.
- `writing`: the new text of the configuration file, and how it replaces the old one.
"""
