"""What the portal offers."""

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

from downman.models.catalogue_values import (
    ExtentField,
    WordsField,
    validate_line,
    validate_scheme,
    validate_text,
    validate_url,
)
from downman.sources import validate_name


class Resource(models.Model):
    """One thing in the catalogue that can be ordered; nothing else can."""

    id = models.CharField(
        primary_key=True,
        max_length=100,
        validators=[RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9._:-]*\Z", "Letters, digits and . _ : - only.")],
    )
    title = models.CharField(max_length=200, validators=[validate_line])
    summary = models.TextField(blank=True, validators=[validate_text])
    source = models.CharField(
        max_length=40, validators=[validate_name], help_text="The name of a source, such as http or file."
    )
    url = models.TextField(help_text="Where the data lies: http://…, https://… or file:///…", validators=[validate_url])
    public_parameters = WordsField(
        default=list,
        blank=True,
        help_text='Names in the URL\'s query whose values people may see, though they look like keys: ["id"].',
    )
    layer = models.CharField(max_length=200, blank=True, validators=[validate_line])
    formats = WordsField(default=list, blank=True, help_text="Formats that can be ordered; the first is the default.")
    restricted = models.BooleanField(default=False, help_text="An administrator must approve each order of it.")
    licence = models.CharField(max_length=200, blank=True, validators=[validate_line])
    extent = ExtentField(null=True, blank=True, help_text="[west, south, east, north] in degrees, where known.")
    size_bytes = models.PositiveBigIntegerField(null=True, blank=True, help_text="Bytes, where known.")
    offered = models.BooleanField(default=True, help_text="Off: it can no longer be ordered or fetched.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """In the order of their titles."""

        ordering = ("title", "id")

    def __str__(self) -> str:
        """Return the title."""
        return self.title

    def clean(self) -> None:
        """Refuse a URL that the source cannot open."""
        try:
            validate_scheme(self.source, self.url)
        except ValidationError as exc:
            raise ValidationError({"url": exc}) from exc
