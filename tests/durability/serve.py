"""A server process on a given port: prints its URL when it answers."""

from __future__ import annotations

import faulthandler
import signal
import sys
import threading
from pathlib import Path

from runward.server.run import LOOPBACK, RunningServer, listen, open_store

# Who waits in vain for it learns where it stands.
faulthandler.register(signal.SIGUSR1)
with RunningServer(
    open_store(Path(sys.argv[1]), sys.argv[3]), listen("127.0.0.1", int(sys.argv[2])), LOOPBACK
) as server:
    print(server.url, flush=True)
    threading.Event().wait()
