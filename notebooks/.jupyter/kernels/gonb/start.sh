#!/bin/sh
# start.sh CONNECTION_FILE: starts GoNB so that cells import this checkout and nothing is fetched.
# start.sh --check: says in one sentence what is missing for that, and ends with status 1.
root=$(cd "$(dirname "$(readlink -f "$0")")/../../../.." 2>/dev/null && pwd)
die() { echo "kernel: $1" >&2; exit 1; }

grep -qsx 'module securecoderl' "$root/go.mod" ||
	die "$(dirname "$(readlink -f "$0")") lies outside the checkout, so cells could not import it; start JupyterLab with 'make lab' in the checkout, or link (ln -s) this folder instead of copying it"
export PATH="$root/bin:$PATH"
command -v go >/dev/null || die "go is missing from PATH; install Go 1.26 or newer (https://go.dev/dl), or start JupyterLab where 'go version' works"
for tool in gonb goimports; do
	command -v $tool >/dev/null || die "$tool is missing; run 'make lab' in $root, which builds what the notebooks need"
done
[ -r "$root/.venv/gotags" ] || die "$root/.venv is missing; run 'make lab' in $root"
[ "$1" != --check ] || exit 0

# Cells find runs and the session's program by SECURERL_ROOT. The flags are those of notebooks/setup.sh, so that its
# build cache is used; -s makes links a third faster, and panics keep their line numbers.
export SECURERL_ROOT="$root" GOPROXY=off GOFLAGS="-ldflags=-s -tags=$(cat "$root/.venv/gotags")"
case $(uname -m) in x86_64 | amd64) export GOEXPERIMENT=simd ;; esac
unset GOWORK

# GoNB goes on when the program that started it is killed, and so do the cells of a kernel that was shut down. This
# watcher ends both. Jupyter gives each kernel a process group of its own, named by the kernel's pid, which is $$.
group=$(cut -d' ' -f5 /proc/$$/stat 2>/dev/null || ps -o pgid= -p $$ | tr -d ' ')
if [ -n "${JPY_PARENT_PID:-}" ] && [ "$group" = $$ ]; then
	(
		trap '' INT TERM
		while kill -0 "$JPY_PARENT_PID" && kill -0 $$; do sleep 1; done
		kill -s TERM -- -$$ # a cell may save what it has
		sleep 2
		kill -s KILL -- -$$
	) </dev/null >/dev/null 2>&1 &
fi
mkdir -p "$root/.cache"
# Logs go to a file: each end of a kernel prints lines there that would read as a crash.
exec gonb --kernel "$1" -go_work="$root" -logtostderr=false -stderrthreshold=3 -log_file="$root/.cache/gonb.log"
