"""What a person at the terminal sees: the launcher's own words, and each service's lines under its name."""

import os
import sys
import threading
from collections.abc import Callable
from typing import TextIO

_COLOURS = (36, 33, 35, 32, 34, 31)  # cyan, yellow, magenta, green, blue, red


class Screen:
    """Whole lines on one stream, from several threads."""

    def __init__(self, stream: TextIO, *, width: int) -> None:
        self._stream, self._width = stream, width
        self._coloured = stream.isatty()
        self._lock = threading.Lock()
        self._colour_of: dict[str, int] = {}
        self._gone = False

    def say(self, text: str) -> None:
        """A line of the launcher itself."""
        self._write(text)

    def complain(self, text: str) -> None:
        """What went wrong, on stderr."""
        try:
            print(f"weighbridge: {text}", file=sys.stderr, flush=True)
        except OSError:
            self._turn_off(sys.stderr)

    def writer(self, name: str) -> Callable[[str], None]:
        """A function that prints lines under this name."""
        prefix = self._prefix(name)
        return lambda line: self._write(prefix + line)

    def _prefix(self, name: str) -> str:
        text = f"{name:<{self._width}} | "
        if not self._coloured:
            return text
        colour = self._colour_of.setdefault(name, _COLOURS[len(self._colour_of) % len(_COLOURS)])
        return f"\x1b[{colour}m{text}\x1b[0m"

    def _write(self, line: str) -> None:
        with self._lock:
            if self._gone:
                return
            try:
                print(line, file=self._stream, flush=True)
            except OSError:
                self._gone = True
                self._turn_off(self._stream)

    def _turn_off(self, stream: TextIO) -> None:
        """The terminal or pipe is gone: the services shall still be stopped in order, without a word."""
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
