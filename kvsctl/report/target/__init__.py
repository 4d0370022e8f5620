"""What is shown of a target itself.

- `ping`: whether it answers.
"""
