#!/bin/sh
# setup.sh: make .venv from hash-pinned requirement files and fetch the Go modules. Quick when nothing changed.
#
# What it leaves behind:
#   .venv/bin/python        an interpreter with Bandit, for the judge
#   .venv/pjrt/cpu/*.so     the XLA CPU plugin, where go-xla finds it (absent: the pure-Go backend is used)
#   .venv/gotags            the build tags that fit this machine ("xla" or nothing)
set -eu
cd "$(dirname "$0")/.."
scan=securerl/scan/requirements.txt
xla=securerl/engine/requirements-xla-cpu.txt

die() { echo "setup: $1" >&2; exit 2; }

command -v go >/dev/null || die "Go is missing: install Go 1.26 or newer (https://go.dev/dl)"
go version | grep -Eq 'go1\.(2[6-9]|[3-9][0-9])' || die "$(go version | cut -d' ' -f3) is too old: install Go 1.26 or newer"

stamp=.venv/.stamp-$(cat "$scan" "$xla" "$0" | cksum | cut -d' ' -f1)
if [ -e "$stamp" ] && [ -x .venv/bin/python ]; then exit 0; fi

# The interpreter: SECURERL_PYTHON, or the newest of the usual names. Bandit needs 3.11.
found=
for p in ${SECURERL_PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
	command -v "$p" >/dev/null 2>&1 || continue
	v=$("$p" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
	found="$found $p=$v"
	if "$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then python=$p; break; fi
done
[ -n "${python:-}" ] || die "Python 3.11 or newer is missing (found:${found:- none}); install it, or set SECURERL_PYTHON to one"
"$python" -c 'import venv, ensurepip' 2>/dev/null || die "$python has no venv module; on Debian: apt-get install python3-venv"

echo "setup: .venv with $python ($v): Bandit, hash-pinned (about 5 MB)"
rm -rf .venv
"$python" -m venv .venv
pip() { .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: "$@"; }
pip -r "$scan" || die "Bandit could not be installed from $scan (the lines above say why)"

tags=
slow="training is about 4x and sampling about 6x slower"
if [ "$(go env GOOS)/$(go env GOARCH)" != linux/amd64 ]; then
	echo "setup: no XLA plugin for $(go env GOOS)/$(go env GOARCH); the pure-Go backend is used: $slow"
elif ! command -v "$(go env CC)" >/dev/null 2>&1 || [ "$(go env CGO_ENABLED)" != 1 ]; then
	echo "setup: no C compiler; the pure-Go backend is used: $slow (on Debian: apt-get install gcc libc6-dev)"
else
	echo "setup: XLA CPU plugin, hash-pinned (63 MB)"
	if pip -r "$xla"; then
		site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
		mkdir -p .venv/pjrt/cpu
		ln -sf "$site/lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so" .venv/pjrt/cpu/pjrt_c_api_cpu_plugin.so
		tags=xla
	else
		echo "setup: the XLA plugin could not be installed; the pure-Go backend is used: $slow"
	fi
fi
echo "$tags" > .venv/gotags
echo "setup: Go modules"
go mod download
touch "$stamp"
