#!/usr/bin/env bash
# Installs the fonts, word lists and texts that training/ and tools/goldens/ render from (Debian 12 package names; about 1 GB),
# as root or through sudo. The Python side is training/requirements.txt. None of it is needed to build, test or run glm-ocr.
set -euo pipefail
fonts=(fonts-cabin fonts-cantarell fonts-courier-prime fonts-croscore fonts-crosextra-caladea fonts-crosextra-carlito fonts-dejavu
  fonts-ebgaramond fonts-firacode fonts-freefont-otf fonts-freefont-ttf fonts-gfs-didot fonts-hack fonts-inconsolata
  fonts-jetbrains-mono fonts-junicode fonts-lato fonts-liberation fonts-linuxlibertine fonts-lmodern fonts-noto-core
  fonts-open-sans fonts-roboto-unhinted fonts-sil-charis fonts-sil-gentium fonts-texgyre fonts-urw-base35 fonts-vollkorn)
more_fonts=(fonts-adf-accanthis fonts-adf-baskervald fonts-adf-berenis fonts-adf-gillius fonts-adf-libris fonts-adf-oldania
  fonts-adf-romande fonts-adf-switzera fonts-adf-tribun fonts-adf-universalis fonts-adf-verana fonts-anonymous-pro fonts-b612
  fonts-cmu fonts-comfortaa fonts-essays1743 fonts-gfs-artemisia fonts-gfs-baskerville fonts-gfs-bodoni-classic
  fonts-gfs-neohellenic fonts-go fonts-goudybookletter fonts-inter fonts-junction fonts-jura fonts-league-mono fonts-lindenhill
  fonts-linex fonts-mononoki fonts-mplus fonts-national-park fonts-noto-mono fonts-noto-ui-core fonts-ocr-b fonts-opendyslexic
  fonts-oxygen fonts-play fonts-quattrocento fonts-roboto fonts-sil-andika fonts-sil-doulos fonts-sil-gentium-basic fonts-sora
  fonts-stix fonts-tlwg-garuda-ttf fonts-tlwg-kinnari-ttf fonts-tlwg-laksaman-ttf fonts-tlwg-loma-ttf fonts-tlwg-norasi-ttf
  fonts-tlwg-typewriter-ttf fonts-tlwg-typist-ttf fonts-tlwg-waree-ttf fonts-uralic fonts-yanone-kaffeesatz)
dictionaries=(wpolish wcatalan wdanish wirish wgaelic wfaroese wgalician-minimos wbrazilian wesperanto wswiss wogerman wmanx
  wfrench witalian wspanish wswedish wnorwegian wportuguese wngerman wdutch hunspell-cs hunspell-hu hunspell-ro hunspell-hr
  hunspell-sk hunspell-sl hunspell-lt hunspell-lv hunspell-tr hunspell-is hunspell-eu hunspell-br hunspell-oc hunspell-af
  hunspell-id hunspell-sw hunspell-kmr myspell-et myspell-tl)
texts=(wamerican wbritish fortunes fortunes-de fortunes-es fortunes-it)
wanted=(fontconfig python3-venv "${fonts[@]}" "${more_fonts[@]}" "${dictionaries[@]}" "${texts[@]}")

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
