"""The operating system's files: durable writes, locks, mounts, descriptors, raw output, sinks.

- `durable`: make file contents and directory entries survive a power loss.
- `early_sync`: sync a file while it is being written.
- `locks`: lock an open file until the process ends.
- `claims`: open the regular files that a run writes, each for this run and this user alone.
- `mounts`: detect network file systems.
- `descriptors`: recognise paths of open descriptors, such as `/dev/stdout`.
- `raw`: open files and write to raw descriptors, without Python's buffers.
- `sinks`: write records to a stream, or to a file that appears once it is complete.
- `held`: hold output to a stream back until it is complete.
- `compressed`: compress an output if its suffix says so.
"""
