#!/bin/sh
# Starts mesh with the given arguments, in the project's directory, so that the server and
# the hooks of one session find the same .mesh folder wherever they are started from.
#
# Without mesh it says in one line how to get it. A server then fails; a hook does not,
# since it is a guest in a session that goes on without it.

if [ -d "${CLAUDE_PROJECT_DIR:-}" ]; then
    cd "$CLAUDE_PROJECT_DIR" || exit 1
fi
# A relative element of the path means the clone now, and who wrote the files of a clone must
# not say which program is started. Clients started from a desktop do not have cargo's
# directory on their path.
elements=${PATH:-/usr/bin:/bin}:${CARGO_HOME:-${HOME:-}/.cargo}/bin
absolute=
set -f
saved=$IFS
IFS=:
for element in $elements; do
    case $element in
    /*) absolute="$absolute:$element" ;;
    esac
done
IFS=$saved
set +f
# An empty path means the clone as well.
PATH=${absolute#:}
PATH=${PATH:-/usr/bin:/bin}
export PATH

if command -v mesh >/dev/null 2>&1; then
    exec mesh "$@"
fi
missing="mesh is not installed, or not on the PATH: run 'cargo install --path mesh --profile dist' in a clone of its repository, then start this session again"
if [ "${1:-}" = hook ]; then
    echo "$missing"
    exit 0
fi
echo "$missing" >&2
exit 127
