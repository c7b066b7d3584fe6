# run.sh PIDFILE FOLDER merged|apart COMMAND…: runs a command in a folder that is made if it is not there; `merged` keeps
# the order of what goes to standard output and standard error.
# The engine gives every exec a session of its own, so the pid that is written also names the process group to kill.
umask 022
echo $$ > "$1" && mkdir -p -- "$2" && cd -- "$2" || exit 125
if [ "$3" = merged ]; then exec 2>&1; fi
shift 3
exec "$@"
