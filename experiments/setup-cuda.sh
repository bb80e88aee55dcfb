#!/bin/sh
# setup-cuda.sh: the XLA plugin for NVIDIA GPUs into .venv, from hash-pinned wheels (2.5 GB). Never done by make run or make test.
set -eu
cd "$(dirname "$0")/.."
wheels=securerl/engine/requirements-xla-cuda.txt
stamp=.venv/.cuda-$(cat "$wheels" "$0" | cksum | cut -d' ' -f1)
if [ -e "$stamp" ]; then exit 0; fi
if [ "$(cat .venv/gotags)" != xla ]; then
	echo "setup: XLA is not linked on this machine (see make setup); there is nothing a GPU could do" >&2
	exit 2
fi
ls /dev/nvidia[0-9]* >/dev/null 2>&1 || echo "setup: no GPU is visible here (/dev/nvidia0); the plugin is installed all the same"
echo "setup: XLA CUDA plugin and NVIDIA libraries, hash-pinned (2.5 GB)"
.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: -r "$wheels"
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
mkdir -p .venv/pjrt/cuda
# The plugin looks for ../nvidia beside the folder it is opened from; links are not resolved.
ln -sf "$site/jax_plugins/xla_cuda13/xla_cuda_plugin.so" .venv/pjrt/cuda/pjrt_c_api_cuda_plugin.so
ln -sfn "$site/nvidia" .venv/pjrt/nvidia
touch "$stamp"
