"""What is shown of a target itself.

- `ping`: whether it answers.
- `settings`: settings with their origins, and targets.
- `probe`: what it does where the documentation is silent.
"""
