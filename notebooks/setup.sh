#!/bin/sh
# setup.sh: what JupyterLab and headless notebooks need, into .venv and bin/. Quick when nothing changed.
#
# What it leaves behind, beside what `make setup` made:
#   .venv/bin/jupyter           JupyterLab, nbclient and nbconvert from hash-pinned wheels
#   .venv/mathjax/tex-svg.js    for exported pages with maths, which load nothing
#   bin/gonb, bin/goimports     the kernel, from notebooks/tools/go.mod
#   bin/lab                     the session's program
#   a warm Go build cache       else the first cell of a fresh checkout looks hung
set -eu
cd "$(dirname "$0")/.."
die() { echo "lab: $1" >&2; exit 2; }
[ -r .venv/gotags ] || die ".venv is missing; run 'make setup' first ('make lab' does)"
tags=$(cat .venv/gotags)

pins="notebooks/requirements.txt notebooks/requirements-mathjax.txt"
stamp=.venv/.lab-stamp-$(cat $pins notebooks/tools/go.mod "$0" | cksum | cut -d' ' -f1)
if [ ! -e "$stamp" ] || [ ! -x bin/gonb ] || [ ! -x bin/goimports ]; then
	echo "lab: first time: about 60 MB down, 400 MB of disk, 2 to 5 minutes; later starts take seconds"
	start=$(date +%s)

	echo "lab: 1/3 JupyterLab into .venv, hash-pinned (30 s)"
	.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
		-r notebooks/requirements.txt || die "JupyterLab could not be installed from notebooks/requirements.txt (the lines above say why)"
	# The XLA plugin's wheel names jax, which it needs only in Python.
	broken=$(.venv/bin/python -m pip check | grep -v -e '^No broken' -e '^lammps-jax-pjrt' || true)
	[ -z "$broken" ] || die "packages in .venv do not fit together: $broken"

	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	.venv/bin/python -m pip download -q --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: -d "$tmp" \
		-r notebooks/requirements-mathjax.txt || die "MathJax could not be fetched from notebooks/requirements-mathjax.txt (the lines above say why)"
	.venv/bin/python - "$tmp"/*.whl .venv/mathjax <<-'PY' || die "the MathJax wheel holds another tex-svg.js than mathjax@3.2.2"
		import hashlib, pathlib, sys, zipfile
		js = zipfile.ZipFile(sys.argv[1]).read("sphinx-mathjax-offline/static/mathjax/tex-svg.js")
		if hashlib.sha256(js).hexdigest() != "d4295dc33744836935c1399feece5159577b34c5c8ffb9f1c6324cd82e03a882":
		    sys.exit(1)
		pathlib.Path(sys.argv[2]).mkdir(exist_ok=True)
		pathlib.Path(sys.argv[2], "tex-svg.js").write_bytes(js)
	PY

	echo "lab: 2/3 GoNB and goimports into bin/ (30 to 90 s)"
	mkdir -p bin
	(cd notebooks/tools && go build -o ../../bin/ tool) || die "GoNB could not be built from notebooks/tools/go.mod (the lines above say why)"
	first=yes
fi

# The flags of the kernel's start.sh: other flags would fill another cache.
case $(uname -m) in x86_64 | amd64) export GOEXPERIMENT=simd ;; esac
export GOFLAGS="-ldflags=-s -tags=$tags"
[ -z "${first:-}" ] || echo "lab: 3/3 the library and the session's program, so that the first cell does not wait (30 to 120 s)"
# Packages only: linking every program would take as long again.
packages=$(go list -f '{{if ne .Name "main"}}{{.ImportPath}}{{end}}' ./securerl/... ./experiments/...) || die "the library cannot be listed (the lines above say why)"
go build $packages || die "the library does not build (the lines above say why)"
go build -o bin/lab ./experiments/lab || die "the session's program does not build (the lines above say why)"
if [ -n "${first:-}" ]; then
	touch "$stamp"
	echo "lab: set up in $(($(date +%s) - start)) s"
fi
