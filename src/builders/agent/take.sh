# take.sh PATH: writes a tar of a file or folder, named by its last segment. 66 means that there is nothing.
if [ ! -e "$1" ] && [ ! -L "$1" ]; then exit 66; fi
exec tar -c -f - -C "${1%/*}/" -- "${1##*/}"
