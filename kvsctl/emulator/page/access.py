"""Who may use the page and its requests: a browser on this machine, for this page alone.

The guard in front of the emulator already refuses foreign `Host` and `Origin` headers. These checks
do not rely on it:

- The caller is on this machine, unless the emulator has an admin token.
- According to the browser (`Sec-Fetch-Site`), no page of another server sent the request. Other
  pages can link to `/` only.
- A POST has the content type of JSON. A form on another page cannot send it, and a script on
  another page would first ask for permission, which is never given.
- The request has the admin token, or one of the other tokens, if the emulator has any. The files of
  the page need none.
"""

from collections.abc import Mapping

from kvsctl.emulator.callers import check_admin_token, check_token, is_local, is_of_other_page
from kvsctl.emulator.options import EmulatorOptions
from kvsctl.emulator.refusals import Refusal
from kvsctl.emulator.wire import JSON_TYPE


def check_local(client: object, options: EmulatorOptions) -> None:
    """Raise Refusal (403) if the caller is on another machine, and no admin token is expected."""
    if options.admin_token is None and not is_local(client):
        raise Refusal(403, "FORBIDDEN", "No such route, or this caller may not use it")


def check_page(headers: Mapping[bytes, bytes], method: str, options: EmulatorOptions) -> None:
    """Raise Refusal unless the page of this emulator sent the request, with a token if needed."""
    if is_of_other_page(headers):
        raise Refusal(403, "FORBIDDEN", "Only the page of this emulator may send this request")
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if method == "POST" and kind != JSON_TYPE.encode():
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", f"The content type must be {JSON_TYPE}")
    if options.admin_token is not None:
        check_admin_token(headers, options.admin_token)
    else:
        check_token(headers, options)
