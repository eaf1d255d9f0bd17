"""What makes a site unlike a new one: users of its own, a login for everybody, a prefix, an ASGI server, receivers."""

from collections.abc import Mapping

POOL, PREFIX = "own-users", "/portal"
PHONE, MAILBOX, PASSWORD = "+34 600 111 222", "ana@example.org", "three plain words"
SERVE = "python -m uvicorn portal.asgi:application --port {port} --log-level warning"
SETTINGS = f"""
INSTALLED_APPS += ["people"]
AUTH_USER_MODEL = "people.Person"
MIDDLEWARE += ["django.contrib.auth.middleware.LoginRequiredMiddleware"]
LOGIN_URL = "admin:login"
FORCE_SCRIPT_NAME = "{PREFIX}"
DOWNLOADS_POOL = "{POOL}"
"""
FILES: Mapping[str, str] = {
    "people/__init__.py": "",
    "people/migrations/__init__.py": "",
    "people/migrations/0001_initial.py": """
        import uuid
        from django.db import migrations, models

        class Migration(migrations.Migration):
            initial = True
            operations = [
                migrations.CreateModel(
                    name="Person",
                    fields=[
                        ("password", models.CharField(max_length=128)),
                        ("last_login", models.DateTimeField(blank=True, null=True)),
                        ("key", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                        ("phone", models.CharField(max_length=200, unique=True)),
                        ("mailbox", models.EmailField(blank=True, max_length=254)),
                    ],
                ),
            ]
        """,
    # No user name, no `email`, no `id`, no groups or permissions, no `is_staff` in the database.
    "people/models.py": """
        import uuid
        from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
        from django.db import models

        class Person(AbstractBaseUser):
            key = models.UUIDField(primary_key=True, default=uuid.uuid4)
            phone = models.CharField(max_length=200, unique=True)
            mailbox = models.EmailField(blank=True)
            is_staff = True
            USERNAME_FIELD = "phone"
            EMAIL_FIELD = "mailbox"
            objects = BaseUserManager()

            def has_perm(self, perm, obj=None):
                return True

            def has_module_perms(self, app_label):
                return True
        """,
    "people/apps.py": """
        import os
        from pathlib import Path
        from django.apps import AppConfig

        HEARD = Path(__file__).parents[1] / "heard"

        def connect(name, signal):
            def hear(order, **arguments):
                with HEARD.open("a") as file:
                    file.write(f"{os.getpid()} {name} {order.number}\\n")
                raise RuntimeError("a defect of the site")
            signal.connect(hear, weak=False)

        class PeopleConfig(AppConfig):
            name = "people"

            def ready(self):
                from downman import signals
                for name in ("order_placed", "part_delivered", "order_ready", "order_failed"):
                    connect(name, getattr(signals, name))
        """,
}
