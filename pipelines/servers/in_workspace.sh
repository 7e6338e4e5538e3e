#!/bin/sh
# The image's entrypoint: put the project into an empty workspace, then run the command there.
set -eu
if [ ! -w . ]; then
  echo "$PWD: not writable by user $(id -u), expected a folder of that user: docker run --user \"\$(id -u):\$(id -g)\"" >&2
  exit 4
fi
if [ ! -e dvc.yaml ]; then
  if [ -n "$(ls -A)" ]; then
    echo "$PWD: has files but no dvc.yaml, expected a Lockstep project or an empty folder: mount one" >&2
    exit 4
  fi
  # Not called origin, to which a run with a DVC remote pushes its experiment.
  git clone --quiet --origin image /opt/project/project.git .
fi
exec "$@"
