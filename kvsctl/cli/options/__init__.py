"""The options that commands take, in groups: a module each. Their names are promises to users."""
