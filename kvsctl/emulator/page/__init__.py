"""The page at `/` that shows a local store, and the requests that it makes.

- `answers`: answer the requests below `/_emulator/page/`.
- `access`: who may use the page and its requests.
- `messages`: the bodies of requests and responses.
- `reading`: installations, keys by prefix, sizes, counts and records.
- `walking`: all records of a prefix in short pieces of work.
- `changing`: edit and delete records.
- `downloading`: records as JSON Lines.
- `recent`: the last requests to the emulator.
- `describing`: the page's requests in the OpenAPI document.
- `files`: the files of the page, in `static/`.

The page is ES modules without a build step. Keys and values reach it as text and are shown as text:
no module makes HTML from a string, and the content security policy would refuse that.
"""
