"""The tables; one module for each noun."""

from django_integration.downloads.models.catalogue import Resource
from django_integration.downloads.models.events import RequestEvent
from django_integration.downloads.models.generic import GenericRequest
from django_integration.downloads.models.links import DownloadLink
from django_integration.downloads.models.locators import ResourceLocator
from django_integration.downloads.models.notices import Notice
from django_integration.downloads.models.policy import PolicyRecord
from django_integration.downloads.models.requests import DownloadRequest

__all__ = [
    "DownloadLink",
    "DownloadRequest",
    "GenericRequest",
    "Notice",
    "PolicyRecord",
    "RequestEvent",
    "Resource",
    "ResourceLocator",
]
