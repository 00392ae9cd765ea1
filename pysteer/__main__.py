"""``python -m pysteer``: the command line."""

from __future__ import annotations

from pysteer.cli import main

if __name__ == "__main__":
    main()
