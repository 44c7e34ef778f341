#!/usr/bin/env bash
# Install GPAW for nearedge: `install-gpaw.sh FOLDER [PYTHON]`.
#
# FOLDER becomes a virtual environment with GPAW, its data, and in FOLDER/setups the oxygen setup
# that knows its 1s wave function. GPAW is compiled against libxc and a BLAS library; where those
# are missing and this is Debian under root, they are installed.
set -euo pipefail
folder=$1
python=${2:-python3}

needs="libxc-dev libopenblas-dev g++"
if command -v dpkg-query >/dev/null; then
    missing=""
    for package in $needs; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing="$missing $package"
    done
    if [ -n "$missing" ]; then
        if [ "$(id -u)" -ne 0 ]; then
            echo "GPAW needs Debian packages; run as root: apt-get install$missing" >&2
            exit 1
        fi
        apt-get update -q
        # shellcheck disable=SC2086
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
    fi
fi

[ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# GPAW takes any MPI compiler that it finds, also one without the headers of MPI, as other packages
# bring it. Its C files are C++ where the compiler is.
echo "mpi = False" >"$work/siteconfig.py"
GPAW_CONFIG="$work/siteconfig.py" CC=g++ \
    "$folder/bin/python" -m pip --disable-pip-version-check install --quiet \
    gpaw==26.7.0 gpaw-data==1.2.1 ase==3.29.0 numpy==2.4.6 scipy==1.17.1

mkdir -p "$folder/setups"
setups=$(cd "$folder/setups" && pwd)
bin=$(cd "$folder/bin" && pwd)
data=$("$bin/python" -c 'import gpaw_data, os; print(os.path.dirname(gpaw_data.__file__))')/setups
# No electron is taken out; the setup only keeps its 1s function, which the dipole elements need.
(cd "$work" && PATH="$bin:$PATH" "$bin/gpaw-setup" O -f PBE --name=xas --core-hole=1s,0.0 \
    >setup.log) || { cat "$work/setup.log" >&2; exit 1; }
cp "$work/O.xas.PBE" "$setups/"
# The basis functions are those of GPAW's own oxygen.
gunzip -c "$data/O.dzp.basis.gz" >"$setups/O.xas.dzp.basis"
echo "GPAW is ready in $folder"
