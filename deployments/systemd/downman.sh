#!/bin/sh
# The command `downman` on this machine: acts on its services, as their user and with their environment.
set -e
cd /opt/downman
command=".venv/bin/downman --env-file /etc/downman/downman.env"
[ "$(id -un)" = downman ] && exec $command "$@"
exec runuser -u downman -- $command "$@"
