"""Pages for administrators: the catalogue and the rules can be changed; orders can be looked at and decided on."""

from downman.admin.catalogue import ResourceAdmin
from downman.admin.generic import GenericAdmin
from downman.admin.orders import RequestAdmin
from downman.admin.policy import PolicyAdmin

__all__ = ["GenericAdmin", "PolicyAdmin", "RequestAdmin", "ResourceAdmin"]
