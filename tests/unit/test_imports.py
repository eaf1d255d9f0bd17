import os
import subprocess
import sys

LOADS_MAILS = """
import sys, django
django.setup()
import downman.services.mails
assert "pyproj" not in sys.modules, "who sends mails loads the tables of coordinate reference systems"
"""


def test_who_sends_mails_does_not_load_proj() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "downman_site.settings"}
    subprocess.run([sys.executable, "-c", LOADS_MAILS], check=True, env=environment)
