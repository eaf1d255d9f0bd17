#!/bin/sh
# downman's commands as its services see the world: `downman active`, `downman doctor`, ...
# `downman manage COMMAND` is any of Django's, `downman prefect COMMAND` any of Prefect's, `downman bootstrap --show`
# says what is in force.
set -e
cd /opt/downman
case "$1" in
  manage | bootstrap) part=$1; shift ;;
  prefect) part=cli; shift ;;
  *) part=manage; set -- downman "$@" ;;
esac
command=".venv/bin/python -m downman_ops.launch.service --env-file /etc/downman/downman.env $part"
[ "$(id -un)" = downman ] && exec $command "$@"
exec runuser -u downman -- $command "$@"
