#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image of the course.
set -euo pipefail
apt-get update
apt-get install -y bubblewrap python3-venv
python3 -m venv /autograder/venv
# The wheel of this package lies in the zip, and beside it that of a CPU build of PyTorch.
/autograder/venv/bin/pip install /autograder/source/*.whl
