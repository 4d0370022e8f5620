"""What is shown of a target itself.

- `ping`: whether it answers.
- `probe`: what it does where the documentation is silent.
"""
