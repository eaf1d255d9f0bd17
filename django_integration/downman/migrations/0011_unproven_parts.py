"""A part may be delivered of which nothing proves that it is complete."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("downloads", "0010_verified_addresses"),
    ]

    operations = [
        migrations.AddField(
            model_name="resourcelocator",
            name="unproven",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
    ]
