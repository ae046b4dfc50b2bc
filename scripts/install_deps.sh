#!/usr/bin/env bash
# Installs what a purpose needs on Debian 12 / Ubuntu 24.04, and nothing when all of it is there:
#   scripts/install_deps.sh [build] [test] [fuzz] [lint] [cross] [parity] [web]      (default: build)
# Works as root or through sudo. Says what it will install before it does. `--list PURPOSE...` prints the names only.
set -euo pipefail

# A C++20 compiler, the build tools and the libraries that glm-ocr links.
build=(make cmake ninja-build g++ ccache pkg-config python3 python3-pip
  libfmt-dev nlohmann-json3-dev libsimdjson-dev libcli11-dev libxxhash-dev libhwy-dev zlib1g-dev
  libjpeg-dev libpng-dev libwebp-dev libtiff-dev libgif-dev libheif-dev libexif-dev libleptonica-dev libstb-dev
  libutf8proc-dev libonig-dev libpugixml-dev libqpdf-dev libxml2-dev libcurl4-openssl-dev
  libboost-dev libssl-dev libspdlog-dev libyaml-cpp-dev libsqlite3-dev libzip-dev libpoco-dev prometheus-cpp-dev
  libseccomp-dev libjs-katex fonts-katex libjs-marked)
# Newer distributions ship libheif's decoders (HEVC, AV1) as plugins; Debian 12 has them in the library.
# shellcheck disable=SC1091
if [[ -r /etc/os-release && "$(. /etc/os-release; echo "$ID-${VERSION_ID:-}")" != debian-12 ]]; then
  build+=(libheif-plugin-aomdec libheif-plugin-libde265)
fi
test=("${build[@]}" git libgtest-dev libgmock-dev libxml2-dev poppler-utils qpdf mupdf-tools libtiff-tools openssl curl jq libvalijson-dev json-schema-test-suite)
# `clang` brings no sanitizer run time by itself on Debian: libclang-rt comes only as a recommendation.
fuzz=("${build[@]}" clang llvm)
lint=("${test[@]}" clang-tidy clang-format)
cross=("${build[@]}" g++-aarch64-linux-gnu)
parity=("${build[@]}" python3-venv)
# Debian's headless Chromium; Ubuntu has Chromium as a snap only, under the name that installs it.
web=("${test[@]}" python3-venv qpdf chromium-headless-shell)
# shellcheck disable=SC1091
if [[ -r /etc/os-release && "$(. /etc/os-release; echo "$ID")" == ubuntu ]]; then web=("${web[@]/chromium-headless-shell/chromium-browser}"); fi

list_only=no
if [[ "${1:-}" == --list ]]; then list_only=yes; shift; fi
(($#)) || set -- build

wanted=()
for purpose in "$@"; do
  case "$purpose" in
    build) wanted+=("${build[@]}") ;;
    test) wanted+=("${test[@]}") ;;
    fuzz) wanted+=("${fuzz[@]}") ;;
    lint) wanted+=("${lint[@]}") ;;
    cross) wanted+=("${cross[@]}") ;;
    parity) wanted+=("${parity[@]}") ;;
    web) wanted+=("${web[@]}") ;;
    *) echo "install_deps.sh: unknown purpose '$purpose' (build test fuzz lint cross parity web)" >&2; exit 2 ;;
  esac
done
mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" | sort -u)
if [[ $list_only == yes ]]; then printf '%s\n' "${wanted[@]}"; exit 0; fi

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "install_deps.sh: this is not Debian or Ubuntu; install the counterparts of these packages yourself:" >&2
  printf '  %s\n' "${wanted[@]}" >&2
  exit 1
fi

# dpkg-query fails when it does not know a package at all; that is just another way of "missing".
installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qx "$package installed" <<<"$installed" || missing+=("$package")
done
# The sanitizer and libFuzzer run time has the compiler's major version in its name.
if [[ " $* " == *" fuzz "* ]]; then
  major=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -1 || true)
  if [[ -z "$major" ]]; then need_rt=yes; else
    [[ "$(dpkg-query -W -f='${db:Status-Status}' "libclang-rt-$major-dev" 2>/dev/null)" == installed ]] && need_rt=no || need_rt=yes
  fi
else
  need_rt=no
fi
if ((${#missing[@]} == 0)) && [[ $need_rt == no ]]; then exit 0; fi

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "install_deps.sh: these system packages are missing, and this is neither root nor is there sudo." >&2
    echo "Run as root:  apt-get update && apt-get install -y ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
apt() {
  # Another apt run (unattended upgrades on a fresh machine) may hold the lock for minutes.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -qq "$@"
}

echo "Installing system packages with apt-get: ${missing[*]}"
apt update
if [[ $need_rt == yes ]]; then
  major=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -1 || true)
  if [[ -z "$major" ]]; then
    echo "install_deps.sh: apt knows no package 'clang' (Ubuntu: it is in 'universe'); fuzzing needs clang with libFuzzer." >&2
    exit 1
  fi
  missing+=("libclang-rt-$major-dev")
fi
if ! apt install -y --no-install-recommends "${missing[@]}" >/dev/null; then
  echo "install_deps.sh: apt-get could not install: ${missing[*]}" >&2
  exit 1
fi
