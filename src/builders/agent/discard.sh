# discard.sh PATH: removes a tree, also one with folders that its owner may not write to.
rm -rf -- "$1" 2>/dev/null && exit 0
chmod -R u+rwX -- "$1" 2>/dev/null
exec rm -rf -- "$1"
