"""An endpoint of BentoML that does nothing: what a request costs before anything is answered."""

from __future__ import annotations

import os
import sys
import tempfile

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "true")

import bentoml
import uvicorn


class _Nothing:
    @bentoml.api(route="/nothing")
    async def nothing(self) -> dict[str, str]:
        return {}


Nothing = bentoml.service(
    name="nothing",
    workers=1,
    threads=1,
    traffic={"timeout": 5, "max_concurrency": 64},
    logging={"access": {"enabled": False}},
)(_Nothing)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = os.environ["BENTOML_HOME"] = scratch
        uvicorn.run(Nothing.to_asgi(), port=int(sys.argv[1]), log_config=None, access_log=False, server_header=False)
