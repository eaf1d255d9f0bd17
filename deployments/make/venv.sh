#!/bin/sh
# Finds a Python that is new enough, and has it make the virtual environment: venv.py, beside this file.
# PYTHON in the environment: only that one. VENV: the folder. The words are passed on.
new_enough() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

here=${0%/*}
# Python's own first; then the oldest that serves, with which the locked packages have been tested for longest.
for python in ${PYTHON:-python3 python3.11 python3.12 python3.13 python3.14 "${VENV:-.venv}/bin/python"}; do
  new_enough "$python" && exec "$python" -P "$here/venv.py" "$@"
done

found=$("${PYTHON:-python3}" -c 'import platform; print(platform.python_version())' 2>/dev/null) || found="not there"
echo "downman needs Python 3.11 or newer, and ${PYTHON:-python3} is $found; install a newer one (on Debian the packages \
python3.11 and python3.11-venv, or later ones), or name one with PYTHON=..., as in: make demo PYTHON=/opt/python/bin/python3.12" >&2
exit 1
