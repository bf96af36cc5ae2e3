"""``python -m sslts`` is the command ``sslts``."""

from sslts.command import main

if __name__ == "__main__":
    main(prog_name="sslts")
