"""Orders and free-text requests get a number that people can read to each other."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import downman.domain.numbering
from downman.domain.numbering import new_number

AT_ONCE = 1000
MODELS = ("DownloadRequest", "GenericRequest")


def give_numbers(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Draw a number for each row that was stored before there were any."""
    for name in MODELS:
        rows = apps.get_model("downloads", name)._default_manager  # noqa: SLF001 - Django's name for what all may use
        drawn: set[str] = set()
        batch = []
        for row in rows.filter(number=None).only("pk").order_by("pk").iterator(chunk_size=AT_ONCE):
            number = new_number()
            while number in drawn:
                number = new_number()
            drawn.add(number)
            row.number = number
            batch.append(row)
            if len(batch) == AT_ONCE:
                rows.bulk_update(batch, ["number"])
                batch.clear()
        rows.bulk_update(batch, ["number"])


class Migration(migrations.Migration):
    dependencies = [
        ("downloads", "0003_metrics_indexes"),
    ]

    operations = [
        *(
            migrations.AddField(
                model_name=name.lower(),
                name="number",
                field=models.CharField(editable=False, max_length=9, null=True),
            )
            for name in MODELS
        ),
        migrations.RunPython(give_numbers, migrations.RunPython.noop),
        *(
            migrations.AlterField(
                model_name=name.lower(),
                name="number",
                field=models.CharField(default=downman.domain.numbering.new_number, editable=False, max_length=9),
            )
            for name in MODELS
        ),
        migrations.AddConstraint(
            model_name="downloadrequest",
            constraint=models.UniqueConstraint(fields=("number",), name="request_number_once"),
        ),
        migrations.AddConstraint(
            model_name="genericrequest",
            constraint=models.UniqueConstraint(fields=("number",), name="generic_number_once"),
        ),
    ]
