"""Start the service: in the foreground for `impel serve`, or as a process of its own that is stopped again.

One process with one worker, because that did as well as any mix on two cores; more of them are replicas, or
`bentoml serve serving.service:ImpelService`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from features.errors import ImpelError, SettingError
from serving.guard import on_loopback
from serving.static import CONSOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

READY = "Impel is ready at "
_START_SECONDS = 600
_STOP_SECONDS = 15
_ATTENDED = "--attended"
_VARIABLES = {
    "data": "IMPEL_DATA",
    "model": "IMPEL_MODEL",
    "as_of": "IMPEL_AS_OF",
    "store": "IMPEL_STORE",
    "snapshot": "IMPEL_SNAPSHOT",
    "tracking_uri": "IMPEL_TRACKING_URI",
    "backtest": "IMPEL_BACKTEST",
    "log": "IMPEL_LOG",
    "keys": "IMPEL_KEYS",
    "without_keys": "IMPEL_WITHOUT_KEYS",
    "rate_limit": "IMPEL_RATE_LIMIT",
    "reload_seconds": "IMPEL_RELOAD_SECONDS",
    "shadow_share": "IMPEL_SHADOW_SHARE",
    "shadow_model": "IMPEL_SHADOW_MODEL",
}


def launch(*, host: str = "127.0.0.1", port: int = 3000, **settings: str | float | Path | None) -> None:
    """Serve until interrupted; says on stderr where, once it is ready.

    Parameters
    ----------
    host, port
        Where to listen; port 0 takes any free one.
    **settings
        data, model, as_of, store, snapshot, tracking_uri, backtest, log, keys, without_keys, rate_limit,
        reload_seconds, shadow_share, shadow_model: as the environment variables of `serving.service`, which hold where
        one is not given.

    Raises
    ------
    ImpelError
        Where the port is taken, or the model or the data cannot be used, or everybody could ask who reaches the port.
    """
    os.environ.update(_environment(settings))
    listening = _listen(host, port)
    # A stop is no death: what is in hand is answered, and what lies in the way is cleared away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), listening, tempfile.TemporaryDirectory(prefix="impel-serve-") as scratch:
        # Metrics files of its own: two servers that share them destroy each other's.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = scratch
        os.environ.setdefault("BENTOML_HOME", scratch)
        import uvicorn  # noqa: PLC0415

        from serving import loading, service  # noqa: PLC0415
        from serving.connections import Connection  # noqa: PLC0415

        # Now, so that an error is one line and not the log of a server that could not start; what takes a minute last.
        loading.reload_seconds()
        loading.shadow_share()
        application = service.ImpelService.to_asgi()  # reads the keys
        loading.backtest()
        loading.champion()
        config = uvicorn.Config(
            application,
            http=Connection,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_STOP_SECONDS - 5,
        )
        address = "{}:{}".format(f"[{host}]" if ":" in host else host, listening.getsockname()[1])

        class Announcing(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets=sockets)
                if self.started:
                    said = f"{READY}http://{address}\nThe console for marketers is at http://{address}{CONSOLE}"
                    print(said, file=sys.stderr, flush=True)  # noqa: T201

        Announcing(config).run(sockets=[listening])


@contextmanager
def running(*, host: str = "127.0.0.1", port: int = 0, **settings: str | float | Path | None) -> Iterator[str]:
    """Serve in a process of its own and yield its address, `http://host:port`, once it is ready; stop it at the end.

    The end of its standard input is what stops it, so it stops when this process ends, too, in whatever way. Parameters
    are those of `launch`.

    Raises
    ------
    ImpelError
        Where the service does not start; the message is its own.
    """
    with tempfile.NamedTemporaryFile("w+", prefix="impel-serve-", suffix=".log") as log:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "serving.launch", host, str(port), _ATTENDED],
            env={**os.environ, **_environment(settings)},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            yield _when_ready(process, Path(log.name))
        finally:
            try:
                process.communicate(timeout=_STOP_SECONDS)  # which closes its standard input
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _when_ready(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        ended = process.poll() is not None
        lines = log.read_text(errors="replace").splitlines()
        for line in lines:
            if line.startswith(READY):
                return line.removeprefix(READY)
        if ended:
            said = lines[-1].removeprefix("error: ") if lines else f"it ended with code {process.returncode}"
            raise ImpelError(f"The service did not start: {said}")
        time.sleep(0.05)
    raise ImpelError(f"The service was not ready within {_START_SECONDS} seconds; its data may be too large.")


def _stop_with_input() -> None:
    """Stop this process, as SIGTERM does, at the end of its standard input."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _environment(settings: dict[str, Any]) -> dict[str, str]:
    for name in settings:
        if name not in _VARIABLES:
            raise TypeError(f"unknown setting {name!r}")
    return {_VARIABLES[name]: str(value) for name, value in settings.items() if value is not None}


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingError(f"The service cannot listen on {host}, port {port} ({reason}); choose another.") from None
    told = os.environ.get("IMPEL_KEYS") or os.environ.get("IMPEL_WITHOUT_KEYS") == "true"
    if not told and not on_loopback(listening.getsockname()[0]):
        listening.close()
        raise SettingError(
            f"Whoever reaches {host} could ask: make API keys (impel keys create ID --keys FILE) and serve with "
            "--keys FILE; or, where something in front of the service checks who asks, with --without-keys."
        )
    return listening


if __name__ == "__main__":
    if _ATTENDED in sys.argv:
        Thread(target=_stop_with_input, daemon=True).start()
    try:
        launch(host=sys.argv[1], port=int(sys.argv[2]))
    except ImpelError as error:
        sys.exit(f"error: {error}")
