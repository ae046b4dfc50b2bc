#!/usr/bin/env bash
# Installs the fonts, word lists and texts that training/ and tools/goldens/ render from (Debian 12 package names; about 600 MB),
# as root or through sudo. The Python side is training/requirements.txt. None of it is needed to build, test or run glm-ocr.
set -euo pipefail
fonts=(fonts-cabin fonts-cantarell fonts-courier-prime fonts-croscore fonts-crosextra-caladea fonts-crosextra-carlito fonts-dejavu
  fonts-ebgaramond fonts-firacode fonts-freefont-otf fonts-freefont-ttf fonts-gfs-didot fonts-hack fonts-inconsolata
  fonts-jetbrains-mono fonts-junicode fonts-lato fonts-liberation fonts-linuxlibertine fonts-lmodern fonts-noto-core
  fonts-open-sans fonts-roboto-unhinted fonts-sil-charis fonts-sil-gentium fonts-texgyre fonts-urw-base35 fonts-vollkorn)
texts=(wamerican wbritish fortunes fortunes-de fortunes-es fortunes-it)
wanted=(fontconfig python3-venv "${fonts[@]}" "${texts[@]}")

installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qx "$package installed" <<<"$installed" || missing+=("$package")
done
((${#missing[@]})) || exit 0
as_root=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo >/dev/null || { echo "install_training_deps.sh: run as root, or install sudo; missing: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "Installing with apt-get: ${missing[*]}"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq update
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends \
  "${missing[@]}" >/dev/null
