"""What a site may listen to. Each is sent once for each fact, after the transaction with the fact was committed.

It is sent in the process in which the fact came to be, the site's or a worker's: connect receivers in the `ready` of
an app, which both run. Receivers run one after another; one that raises is logged (logger `django.dispatch`), and
neither the order nor the other receivers know of it. What a process that dies between commit and receiver would have
sent is not sent later: what must not be missed is read from the orders themselves. `sender` is the model's class.
"""

from django.dispatch import Signal

#: An order was stored. Argument: `order` (`downman.models.DownloadRequest`).
order_placed = Signal()
#: All of an order that can be delivered can be downloaded; again, when it was packaged anew without a cancelled part.
#: Its `status` is `ready`, or `ready_with_errors` where parts of it failed. Argument: `order`.
order_ready = Signal()
#: Nothing of an order could be delivered, and nothing of it is tried again. Argument: `order`.
order_failed = Signal()
#: A part can be downloaded, alone or with others. Arguments: `order`, and `part` (`downman.models.ResourceLocator`).
part_delivered = Signal()
