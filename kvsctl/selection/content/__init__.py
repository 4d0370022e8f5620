"""Selectors that look at what a record holds, and at times that an app keeps. Pure.

- `expressions`: expressions over records, in JMESPath.
- `ages`: where an app keeps the time from which the age of a record counts.
- `key_times`: times in keys.
- `epochs`: times as apps keep them.
- `candidate`: a record to be judged, as expressions see it.
- `exact`: JSON as Python values with exact numbers.
"""
