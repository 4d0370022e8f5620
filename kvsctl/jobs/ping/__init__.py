"""Find out whether a target answers, without writing.

Signals to a monitoring service, which are called pings, too, are in `kvsctl.service.monitoring`.

- `asking`: send the requests, and draw one conclusion from how they ended.
"""
