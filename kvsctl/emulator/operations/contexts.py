"""GET /invocation/context as the proxy of a Forge Container answers it.

Source: the vendor's reference of the APIs for Forge Containers, "Forge Context". It gives one
example and no schema, so the members are those of the example. No `@forge` package calls it.
"""

import uuid
from typing import Any, Final

from kvsctl.emulator.operations.installations import site_of

MODULE: Final = "kvsctl-emulator"
APP: Final = uuid.uuid5(uuid.NAMESPACE_URL, "app:kvsctl-emulator")
ENVIRONMENT: Final = uuid.uuid5(uuid.NAMESPACE_URL, "environment:kvsctl-emulator")


def invocation_context(installation: str) -> dict[str, Any]:
    """Return the context of an invocation in an installation.

    App, environment and module are the same for every call. The site is the one that the list of
    installations gives.
    """
    return {
        "app": {
            "id": f"ari:cloud:ecosystem::app/{APP}",
            "installationId": f"ari:cloud:ecosystem::installation/{installation}",
            "environment": {
                "type": "DEVELOPMENT",
                "id": f"ari:cloud:ecosystem::environment/{APP}/{ENVIRONMENT}",
            },
            "module": {"key": MODULE, "type": "core:endpoint"},
        },
        "context": {
            "cloudId": str(site_of(installation)),
            "moduleKey": MODULE,
            "userAccess": {"enabled": False},
        },
    }
