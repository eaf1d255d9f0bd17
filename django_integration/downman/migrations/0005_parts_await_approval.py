"""What waits for a decision is told apart from what an administrator has stopped."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def split(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Name what waits for a decision as such."""
    parts = apps.get_model("downloads", "ResourceLocator")._default_manager  # noqa: SLF001 - Django's name for what all may use
    parts.filter(status="on_hold", approval="pending").update(status="awaiting_approval")


def join(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Call both the same again."""
    parts = apps.get_model("downloads", "ResourceLocator")._default_manager  # noqa: SLF001 - Django's name for what all may use
    parts.filter(status="awaiting_approval").update(status="on_hold")


STATES = (
    "queued",
    "waiting_for_space",
    "awaiting_approval",
    "on_hold",
    "fetching",
    "retrying",
    "delivered",
    "failed",
    "cancelled",
)


class Migration(migrations.Migration):
    dependencies = [
        ("downloads", "0004_public_numbers"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="resourcelocator", name="locator_status_known"),
        migrations.AlterField(
            model_name="resourcelocator",
            name="status",
            field=models.CharField(
                choices=[(state, state.replace("_", " ")) for state in STATES],
                default="queued",
                editable=False,
                max_length=20,
            ),
        ),
        migrations.RunPython(split, join),
        migrations.AddConstraint(
            model_name="resourcelocator",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", list(STATES))), name="locator_status_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="resourcelocator",
            constraint=models.CheckConstraint(
                condition=models.Q(approval="pending", status__in=["awaiting_approval", "cancelled"])
                | ~(models.Q(approval="pending") | models.Q(status="awaiting_approval")),
                name="locator_awaiting_is_pending",
            ),
        ),
    ]
