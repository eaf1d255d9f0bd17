"""Pages for administrators: the catalogue and the rules can be changed; orders can be looked at and decided on."""

from django_integration.downloads.admin.catalogue import ResourceAdmin
from django_integration.downloads.admin.generic import GenericAdmin
from django_integration.downloads.admin.orders import RequestAdmin
from django_integration.downloads.admin.policy import PolicyAdmin

__all__ = ["GenericAdmin", "PolicyAdmin", "RequestAdmin", "ResourceAdmin"]
