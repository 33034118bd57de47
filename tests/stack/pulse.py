"""Whether the machine kept up with a run that is faster than life. At factor 40 a standstill of a second
is 40 s of the story: a real outage of everything, which the rules are right to tell."""

import threading
import time

TICK_SECONDS = 0.02


class Pulse:
    """A thread that wants to wake every 20 ms, and notes how late it did."""

    def __init__(self):
        self.longest, self.at = 0.0, None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _beat(self):
        before = time.monotonic()
        while not self._over.wait(TICK_SECONDS):
            now = time.monotonic()
            late = now - before - TICK_SECONDS
            if late > self.longest:
                self.longest, self.at = late, time.time()
            before = now
