"""Holds numeric libraries to one thread while they are loaded, and lets runs use all of theirs again.

OpenBLAS, which numpy's wheels bring, starts a thread for each processor when it is loaded, and a process with threads
must not be forked.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

#: The variables that say how many threads a library starts, by the library's name in threadpoolctl.
VARIABLES: Mapping[str, tuple[str, ...]] = {
    "openblas": ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS"),
    "mkl": ("MKL_NUM_THREADS",),
    "blis": ("BLIS_NUM_THREADS",),
    "openmp": ("OMP_NUM_THREADS",),
    # Which threadpoolctl does not know.
    "numexpr": ("NUMEXPR_NUM_THREADS",),
}
#: What counts for a library whose own variables are not set.
FOR_ALL = "OMP_NUM_THREADS"
ONE = "1"


@contextmanager
def one_thread() -> Iterator[None]:
    """Have the libraries that are loaded meanwhile start no threads; the environment is as they leave it afterwards."""
    names = [name for of_library in VARIABLES.values() for name in of_library]
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, ONE))
    try:
        yield
    finally:
        for name, value in before.items():
            if os.environ.get(name) != ONE:
                continue  # what was loaded has set it itself
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class NumericThreads:
    """The numeric libraries of this process that were loaded with one thread."""

    def __init__(self) -> None:
        """Find them."""
        self._controller = ThreadpoolController()

    def restore(self) -> None:
        """Give each as many threads as it would have started by itself."""
        for library in self._controller.lib_controllers:
            library.set_num_threads(_usual_number(VARIABLES.get(library.internal_api, ())))
        if "numexpr" in sys.modules:
            sys.modules["numexpr"].set_num_threads(_usual_number(VARIABLES["numexpr"]))


def _usual_number(variables: tuple[str, ...]) -> int:
    for name in (*variables, FOR_ALL):
        # OMP_NUM_THREADS may be a list, one number for each level of nesting.
        value = os.environ.get(name, "").partition(",")[0].strip()
        if value.isdecimal() and int(value):
            return int(value)
    return len(os.sched_getaffinity(0))
