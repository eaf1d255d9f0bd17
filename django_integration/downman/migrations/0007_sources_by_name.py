"""Sources are named in a setting; codes and words of links and errors follow the names of their classes."""

import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import downman.sources

#: What was stored -> what is stored now.
CODES = {
    "source-broke": "transfer-interrupted",
    "source-endless": "source-too-large",
    "gave-up": "retries-exhausted",
}
DELIVERIES = {"address": "redirect"}


def rename(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Write the new words."""
    _replace(apps, CODES, DELIVERIES)


def rename_back(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Write the old words."""
    _replace(apps, *({new: old for old, new in words.items()} for words in (CODES, DELIVERIES)))


def _replace(apps: Apps, codes: dict[str, str], deliveries: dict[str, str]) -> None:
    for model, field, words in (
        ("ResourceLocator", "error_code", codes),
        ("DownloadLink", "delivery", deliveries),
    ):
        rows = apps.get_model("downloads", model)._default_manager  # noqa: SLF001 - Django's name for what all may use
        for old, new in words.items():
            rows.filter(**{field: old}).update(**{field: new})


class Migration(migrations.Migration):
    dependencies = [
        ("downloads", "0006_names_that_people_read"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="resource", name="resource_source_known"),
        migrations.AlterField(
            model_name="resource",
            name="source",
            field=models.CharField(
                help_text="The name of a source, such as http or file.",
                max_length=40,
                validators=[downman.sources.validate_name],
            ),
        ),
        migrations.RemoveConstraint(model_name="downloadlink", name="link_delivery_known"),
        migrations.AlterField(
            model_name="downloadlink",
            name="delivery",
            field=models.CharField(editable=False, max_length=20),
        ),
        migrations.RunPython(rename, rename_back),
        migrations.AddConstraint(
            model_name="downloadlink",
            constraint=models.CheckConstraint(
                condition=models.Q(("delivery__in", ["package", "file", "redirect"])), name="link_delivery_known"
            ),
        ),
        migrations.RemoveIndex(model_name="downloadlink", name="link_made"),
        migrations.RenameField(model_name="downloadlink", old_name="beside", new_name="main_link"),
        migrations.AlterField(
            model_name="downloadlink",
            name="main_link",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="sidecar_links",
                to="downloads.downloadlink",
            ),
        ),
        migrations.AddIndex(
            model_name="downloadlink",
            index=models.Index(condition=models.Q(("main_link", None)), fields=["created_at"], name="link_made"),
        ),
    ]
