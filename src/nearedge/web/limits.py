"""How much one request may ask for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of a request and of the process that answers it.

    Attributes
    ----------
    upload_bytes
        Largest body of a request: all its files together.
    files
        Files in a request.
    spectra
        Spectra in a request, over all its files.
    processor_seconds
        Processor time of a worker for one request, after which the kernel ends it.
    seconds
        Time on the clock for one request once a worker has taken it.
    memory_bytes
        Memory of a worker.
    waiting
        Requests that may wait for a worker; more are turned away.

    Examples
    --------
    >>> Limits().too_large()
    'a request holds at most 64 MB; send fewer files at a time'
    """

    upload_bytes: int = 64 * 10**6
    files: int = 200
    spectra: int = 2000
    processor_seconds: float = 30.0
    seconds: float = 60.0
    memory_bytes: int = 1500 * 10**6
    waiting: int = 500

    def too_large(self) -> str:
        """What to say to a body beyond `upload_bytes`."""
        return (
            f"a request holds at most {self.upload_bytes / 1e6:.0f} MB; send fewer files at a time"
        )

    def too_many_files(self) -> str:
        """What to say to more than `files` files."""
        return f"a request holds at most {self.files} files; send the rest in further requests"

    def too_many_spectra(self) -> str:
        """What to say to more than `spectra` spectra."""
        return (
            f"the files hold more than the {self.spectra} spectra that are answered at once; send "
            "fewer files, or use `nearedge predict`, which has no such limit"
        )

    def ended(self) -> str:
        """What to say to files that took a worker to its limits."""
        return (
            f"reading the files crashed, or took more than {self.processor_seconds:g} s of the "
            f"processor, {self.seconds:g} s in all, or {self.memory_bytes / 1e9:g} GB; they are "
            "damaged or too large: copy them again, or send fewer at a time"
        )
