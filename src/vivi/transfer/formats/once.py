"""What all images of a file share, made when the first one is read, and once, whatever number of threads read."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from vivi.core.errors import ViviError
from vivi.data.image_file import ImageError

T = TypeVar("T")


class Once(Generic[T]):
    """Holds what `make()` gave. Where it raised ViviError, no image can be read, and it is not tried again."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = Lock()
        self._made: list[T] = []
        self._reason = ""

    def __call__(self, *, name: str) -> T:
        """The value.

        Args:
            name: of the image that it is asked for, in the error.

        Raises:
            ImageError: `make` failed, now or before.
        """
        with self._lock:
            if not self._made and not self._reason:
                try:
                    self._made.append(self._make())
                except ViviError as error:
                    self._reason = str(error)
            if not self._made:
                raise ImageError(name, self._reason)
            return self._made[0]
