"""The tables; one module for each noun."""

from downman.models.catalogue import Resource
from downman.models.events import RequestEvent
from downman.models.generic import GenericRequest
from downman.models.limits import LimitUse
from downman.models.links import DownloadLink
from downman.models.locators import ResourceLocator
from downman.models.notices import Notice
from downman.models.policy import PolicyRecord
from downman.models.requests import DownloadRequest
from downman.models.verifications import AddressVerification

__all__ = [
    "AddressVerification",
    "DownloadLink",
    "DownloadRequest",
    "GenericRequest",
    "LimitUse",
    "Notice",
    "PolicyRecord",
    "RequestEvent",
    "Resource",
    "ResourceLocator",
]
