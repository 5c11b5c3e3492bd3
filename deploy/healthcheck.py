"""Asks the worker in the same container whether it is ready: exit 0 if so, 1 with the worker's own reason if not.

A file beside the image, not a command of the program, so that it starts in a few hundredths of a second: it runs every ten.
"""

import http.client
import os
import sys

TIMEOUT_SECONDS = 4


def main() -> int:
    """Print the answer of ``/readyz`` (Docker keeps it with the container's health) and return the exit code."""
    port = int(os.environ.get("STREAM_HTTP_PORT", "9464"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        body = response.read(2000).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        print(f"no answer from 127.0.0.1:{port}: {error}")
        return 1
    finally:
        connection.close()
    print(f"{response.status} {body}")
    return 0 if response.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
