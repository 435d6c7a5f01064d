"""Compiles the analyzer, which is WebAssembly and takes 15 s, once per checkout instead of once per process."""

from __future__ import annotations

import fcntl
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from wasmtime import Engine, Module, WasmtimeError
from zetasql.core import wasm_client

from lib import places

_FOLDER = places.ROOT / ".pytest_cache" / "wasm"


class _CompiledOnce(Module):
    @classmethod
    def from_file(cls, engine: Engine, path: str) -> Module:
        """Load a compiled module, cached next to pytest's own cache by the module and the compiler."""
        kept = _FOLDER / sha256(Path(path).read_bytes() + version("wasmtime").encode()).hexdigest()
        _FOLDER.mkdir(parents=True, exist_ok=True)
        with (_FOLDER / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                return Module.deserialize_file(engine, str(kept))
            except WasmtimeError:  # not cached yet, or from another machine
                compiled = Module.from_file(engine, path)
            whole = kept.with_suffix(".new")
            whole.write_bytes(compiled.serialize())
            whole.rename(kept)
            return compiled


wasm_client.Module = _CompiledOnce  # type: ignore[misc]
