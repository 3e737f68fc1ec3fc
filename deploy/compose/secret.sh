# Draws the peers' secret, unless it is there already. 65532 is the sidecar's user.
set -eu
umask 077
cd /secret
[ -s peer.secret ] || { head -c 32 /dev/urandom | base64 > drawn && mv drawn peer.secret; }
chown 65532:65532 peer.secret
