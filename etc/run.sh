#!/bin/sh
# run - runs evald or evalctl from this build tree, uninstalled:  build/run CMD [ARG...]
#
# CMD is evald, evalctl, or any other program, which then finds both in PATH.
build=$(cd "$(dirname "$0")" && pwd) || exit 1
EVALD=$build/core/daemon/evald
PATH=$build/core/daemon:$build/core/ctl:$PATH
EVALD_LIBEXECDIR=$build/libexec
for dir in "$build"/plugins/.libs "$build"/plugins/*/.libs; do
    [ -d "$dir" ] && EVALD_PLUGIN_PATH=${EVALD_PLUGIN_PATH:+$EVALD_PLUGIN_PATH:}$dir
done
export EVALD PATH EVALD_LIBEXECDIR EVALD_PLUGIN_PATH
exec "$@"
