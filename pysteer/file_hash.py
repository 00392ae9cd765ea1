"""SHA-256 of a model file, remembered between runs: hashing 8 GB takes longer than many measurements."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

_CHUNK = 1 << 22


def cache_folder() -> Path:
    """Folder for what can always be computed again: ``$PYSTEER_CACHE``, else the platform's cache folder."""
    if chosen := os.environ.get("PYSTEER_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "pysteer" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "pysteer"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pysteer"


def file_hash(path: str | Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    The hash is kept under the file's absolute path, size and modification time in nanoseconds; a file that changes
    in any of them is read again. Without a writable cache folder it is computed every time.
    """
    path = Path(path).resolve()
    status = path.stat()
    key = f"{path}|{status.st_size}|{status.st_mtime_ns}"
    entry = cache_folder() / "file-hashes" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
    try:
        known = json.loads(entry.read_text(encoding="utf-8"))
        if known["key"] == key:
            return str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        draft = entry.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({"key": key, "sha256": digest.hexdigest()}), encoding="utf-8")
        draft.replace(entry)
    except OSError:
        pass
    return digest.hexdigest()
