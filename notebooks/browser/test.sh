#!/bin/sh
# test.sh [--if-possible] [NOTEBOOK...]: opens notebooks and their pages in the system's Chromium and checks what is drawn.
# --if-possible, for CI: installs Chromium where that can be done (Debian, as root), else says that nothing was run.
# CHROMIUM names another browser of its family. NOTEBOOK is a file's stem (00-start-here); default: all in out/notebooks.
set -eu
cd "$(dirname "$0")/../.."
die() { echo "test-browser: $1" >&2; exit 2; }
find_chromium() {
	for name in ${CHROMIUM:-chromium chromium-browser google-chrome google-chrome-stable}; do
		if command -v "$name"; then return; fi
	done
}

chromium=$(find_chromium)
if [ "${1:-}" = --if-possible ]; then
	shift
	if [ -z "$chromium" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		echo "test-browser: installing Chromium (about 100 MB)"
		if { apt-get update && apt-get install -y --no-install-recommends chromium; } >/dev/null 2>&1; then
			chromium=$(find_chromium)
		fi
	fi
	if [ -z "$chromium" ]; then
		echo "test-browser: NOT RUN: there is no Chromium, and it could not be installed"
		exit 0
	fi
fi
[ -n "$chromium" ] || die "Chromium is missing; on Debian: apt-get install chromium, elsewhere set CHROMIUM to its program"
[ -x .venv/bin/jupyter-lab ] || die "JupyterLab is missing; run 'make notebooks' first"

pins=notebooks/requirements-browser.txt
stamp=.venv/.browser-stamp-$(cksum <$pins | cut -d' ' -f1)
if [ ! -e "$stamp" ]; then
	echo "test-browser: playwright into .venv, hash-pinned (52 MB)"
	.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: -r $pins ||
		die "playwright could not be installed from $pins (the lines above say why)"
	touch "$stamp"
fi
exec .venv/bin/python notebooks/browser/test.py "$chromium" "$@"
