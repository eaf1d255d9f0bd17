"""A resource may hold what can be shown and opened only; some parameters of its URL may be shown."""

import django.core.validators
import downman.models.catalogue_values
import downman.models.generic
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("downloads", "0008_limits"),
    ]

    operations = [
        migrations.AlterField(
            model_name="genericrequest",
            name="map_view",
            field=downman.models.generic.MapViewField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="resource",
            name="public_parameters",
            field=downman.models.catalogue_values.WordsField(
                blank=True,
                default=list,
                help_text='Names in the URL\'s query whose values people may see, though they look like keys: ["id"].',
            ),
        ),
        migrations.AlterField(
            model_name="resource",
            name="extent",
            field=downman.models.catalogue_values.ExtentField(
                blank=True, help_text="[west, south, east, north] in degrees, where known.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="resource",
            name="formats",
            field=downman.models.catalogue_values.WordsField(
                blank=True, default=list, help_text="Formats that can be ordered; the first is the default."
            ),
        ),
        migrations.AlterField(
            model_name="resource",
            name="id",
            field=models.CharField(
                max_length=100,
                primary_key=True,
                serialize=False,
                validators=[
                    django.core.validators.RegexValidator(
                        "^[A-Za-z0-9][A-Za-z0-9._:-]*\\Z", "Letters, digits and . _ : - only."
                    )
                ],
            ),
        ),
        migrations.AlterField(
            model_name="resource",
            name="layer",
            field=models.CharField(
                blank=True, max_length=200, validators=[downman.models.catalogue_values.validate_line]
            ),
        ),
        migrations.AlterField(
            model_name="resource",
            name="licence",
            field=models.CharField(
                blank=True, max_length=200, validators=[downman.models.catalogue_values.validate_line]
            ),
        ),
        migrations.AlterField(
            model_name="resource",
            name="summary",
            field=models.TextField(blank=True, validators=[downman.models.catalogue_values.validate_text]),
        ),
        migrations.AlterField(
            model_name="resource",
            name="title",
            field=models.CharField(max_length=200, validators=[downman.models.catalogue_values.validate_line]),
        ),
        migrations.AlterField(
            model_name="resource",
            name="url",
            field=models.TextField(
                help_text="Where the data lies: http://…, https://… or file:///…",
                validators=[downman.models.catalogue_values.validate_url],
            ),
        ),
    ]
