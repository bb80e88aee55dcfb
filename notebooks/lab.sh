#!/bin/sh
# lab.sh [FOLDER [JupyterLab's own options]]: opens JupyterLab on FOLDER, else on the notebooks of this checkout, for this
# machine only. Ctrl-C ends it.
# PORT chooses the port; without it the first free one from 8888 is taken.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
folder=$root/notebooks
if [ $# -gt 0 ]; then folder=$1 && shift; fi
die() { echo "lab: $1" >&2; exit 2; }
[ -x .venv/bin/jupyter-lab ] || die "JupyterLab is missing; run 'make lab', which installs it"
kernel=notebooks/.jupyter/kernels/gonb
[ -r $kernel/kernel.json ] && [ -x $kernel/start.sh ] || die "the kernel's files are missing; get them back with: git checkout $kernel"
$kernel/start.sh --check

port=$(.venv/bin/python - ${PORT:-} <<'PY'
import socket, sys
def free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
if len(sys.argv) > 1:
    if not sys.argv[1].isdecimal() or not 0 < int(sys.argv[1]) < 65536:
        sys.exit(f"lab: PORT must be a number from 1 to 65535, got {sys.argv[1]}")
    if not free(int(sys.argv[1])):
        sys.exit(f"lab: port {sys.argv[1]} is in use; end what uses it, or choose another: make lab PORT={int(sys.argv[1]) % 65535 + 1}")
    print(sys.argv[1])
    sys.exit()
for port in range(8888, 8938):
    if free(port):
        if port > 8888:
            print(f"lab: port 8888 is in use, taking {port}", file=sys.stderr)
        print(port)
        sys.exit()
sys.exit("lab: ports 8888 to 8937 are all in use; choose a free one: make lab PORT=9000")
PY
) || exit 2

# Settings, trust and run files of this laboratory only, whatever else Jupyter is used for on this machine.
export JUPYTER_PATH="$root/notebooks/.jupyter" JUPYTER_CONFIG_PATH="$root/notebooks/.jupyter"
export JUPYTER_CONFIG_DIR="$root/.cache/jupyter" JUPYTER_DATA_DIR="$root/.cache/jupyter/data" JUPYTER_RUNTIME_DIR="$root/.cache/jupyter/runtime"
browser=
case $(uname -s) in
Darwin) ;;
*) [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || browser=--no-browser ;;
esac
echo "lab: JupyterLab starts (a few seconds); the kernel is \"Go (gonb)\"; Ctrl-C ends it and all its kernels"
# Jupyter takes Ctrl-C at a terminal only; without one SIGINT ends it as SIGTERM does, even where a script's & had it ignored.
exec .venv/bin/python -c '
import os, signal
signal.signal(signal.SIGINT, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
from jupyterlab.labapp import main
main()' --ServerApp.root_dir="$folder" --ServerApp.ip=localhost --ServerApp.port="$port" --ServerApp.port_retries=0 \
	--log-level=WARN $browser "$@"
