#!/bin/sh
# Deploys a version while nobody else does:
#
#   mesh run deploy:production -- docs/examples/deploy.sh VERSION DATABASE
#
# BUILD is the command that builds it, and takes its time.
set -eu
version=$1 database=$2
: "${MESH_FENCE:?start it with mesh run}"

${BUILD:-make}

# A claim may be lost while a build goes on, and then somebody else deploys. With -e the
# script ends here, and mesh says why.
mesh fence "$MESH_RESOURCE" "$MESH_FENCE"

# Between that line and the next the lease may end all the same. So the database looks
# again, in the statement that writes.
python3 "$(dirname "$0")/record.py" "$database" "$version"
echo "$version is deployed"
