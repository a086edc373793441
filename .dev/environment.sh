# What the build needs from outside the tree. Sourced by ./dev; every function either sets its variables or stops
# with a reason. Nothing is written into the clone: the Python environment is shared by all clones of a user.

# Prints the apt packages that are not installed, one a line; nothing where there is no dpkg to ask.
missing_packages()
{
    command -v dpkg-query > /dev/null || return 0
    local package
    grep -v '^#' "$root/.dev/apt-packages.txt" | while read -r package; do
        dpkg-query -W -f '${Status}\n' "$package" 2> /dev/null | grep -q 'ok installed' || echo "$package"
    done
}

# Installs missing packages where that is possible without asking; otherwise leaves them to setup_features.
setup_packages()
{
    missing=$(missing_packages | tr '\n' ' ')
    [ -z "${missing// /}" ] || get_packages
    missing=$(missing_packages | tr '\n' ' ')
}

# Installs the packages that `missing` names, or says what to do.
get_packages()
{
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo > /dev/null && { [ -t 0 ] || sudo -n true 2> /dev/null; }; then
            as_root=(sudo)
        else
            say "These packages are missing, and installing them needs root:"
            say "  apt-get install $missing"
            return 0
        fi
    fi
    command -v apt-get > /dev/null || { say "These packages are missing: $missing"; return 0; }
    say "Missing: $missing"
    phase "Installing the missing packages" packages.log install_packages
}

install_packages()
{
    "${as_root[@]}" apt-get update &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
}

# What can be built with the packages that are there: sets gui and tests to ON or OFF, stops where nothing can.
setup_features()
{
    gui=ON tests=ON
    local package
    for package in $missing; do
        case $package in
            qt6-base-dev) gui=OFF tests=OFF; say "Without qt6-base-dev the window and the tests are left out." ;;
            qt6-svg-dev | libqcustomplot-dev) gui=OFF; say "Without $package the window is left out." ;;
            python3-venv | ccache | fonts-* | xvfb | git) ;;
            *) stop "Without $package nothing can be built. Install it and start again." ;;
        esac
    done
}

# Sets python to an interpreter that can make an environment and for which torch has a wheel.
find_python()
{
    local candidate
    for candidate in python3 /usr/bin/python3 python3.12 python3.11 python3.13; do
        python=$(command -v "$candidate") || continue
        "$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2> /dev/null && return 0
    done
    stop "No Python 3.11 to 3.14 with venv was found. On Debian and Ubuntu: apt-get install python3-venv."
}

# Sets environment (the folder), torch, and puts cmake and ninja on PATH.
setup_environment()
{
    find_python
    local key
    key=$({ cat "$root/.dev/requirements.txt"; "$python" -c 'import sys, platform; print(sys.version_info[:2], platform.machine())'; } |
        sha256sum | cut -c1-12)
    environment=${SPARSESCOPE_ENV:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/sparsescope/env-$key}
    mkdir -p "$(dirname "$environment")" || stop "$(dirname "$environment") cannot be written. Set SPARSESCOPE_ENV to a folder that can."
    if [ ! -e "$environment/.complete" ]; then
        (
            # One clone installs, the others wait and find it done.
            flock 9
            [ -e "$environment/.complete" ] ||
                phase "Installing LibTorch, CMake and Ninja (about 3 GB, once)" environment.log install_environment
        ) 9> "$environment.lock" || exit 1
    fi
    export PATH="$environment/bin:$PATH"
    torch=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')/torch
    nvidia=${torch%/torch}/nvidia/cu13
}

install_environment()
{
    rm -rf "$environment"
    "$python" -m venv "$environment" &&
        "$environment/bin/python" -m pip install --disable-pip-version-check --no-input -r "$root/.dev/requirements.txt" &&
        touch "$environment/.complete"
}

# Sets cuda to ON or OFF, and nvcc and CUDA_HOME where it is ON.
setup_toolkit()
{
    cuda=ON nvcc=
    local folder candidate
    if [ "${SPARSESCOPE_CUDA:-}" = OFF ]; then
        cuda=OFF
        return 0
    fi
    if [ -z "${SPARSESCOPE_NO_CUDA_TOOLKIT:-}" ]; then
        candidate=$(command -v nvcc || true)
        for folder in "${candidate%/bin/nvcc}" "${CUDA_HOME:-}" /usr/local/cuda; do
            [ -n "$folder" ] && [ -x "$folder/bin/nvcc" ] || continue
            if "$folder/bin/nvcc" --version 2> /dev/null | grep -q 'release 13\.'; then
                nvcc=$folder/bin/nvcc CUDA_HOME=$folder
                export CUDA_HOME
                return 0
            fi
            say "$folder holds a CUDA compiler of another release than 13; it is not used."
        done
    fi
    folder=$environment/toolkit
    if [ ! -e "$folder/.complete" ]; then
        (
            flock 9
            [ -e "$folder/.complete" ] || phase "Installing a CUDA compiler (about 150 MB, once)" toolkit.log install_toolkit
        ) 9> "$environment.lock" || {
            say "No CUDA compiler: the kernels are left out, every operation takes its ATen path."
            cuda=OFF
            return 0
        }
    fi
    nvcc=$folder/bin/nvcc CUDA_HOME=$folder
    export CUDA_HOME
}

# The wheels spread a toolkit's folders; links put them where CMake looks for them.
install_toolkit()
{
    "$environment/bin/python" -m pip install --disable-pip-version-check --no-input --no-deps -r "$root/.dev/toolkit.txt" || return 1
    local folder=$environment/toolkit name library
    rm -rf "$folder"
    mkdir -p "$folder/lib64" || return 1
    for name in bin include nvvm; do
        [ -d "$nvidia/$name" ] || { echo "$nvidia/$name is missing"; return 1; }
        ln -s "$nvidia/$name" "$folder/$name"
    done
    for library in "$nvidia"/lib/*; do
        [ -f "$library" ] || continue
        name=$(basename "$library")
        ln -s "$library" "$folder/lib64/$name"
        case $name in
            *.so.*) [ -e "$folder/lib64/${name%%.so.*}.so" ] || ln -s "$library" "$folder/lib64/${name%%.so.*}.so" ;;
        esac
    done
    "$folder/bin/nvcc" --version && touch "$folder/.complete"
}
