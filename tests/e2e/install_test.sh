#!/usr/bin/env bash
# Installs the build into an empty folder and uses it as strangers do: headers, pkg-config, find_package, the program and its
# model, from there alone, also after the folder has moved.
#   install_test.sh BUILD_DIR SOURCE_DIR C_COMPILER CXX_COMPILER
set -euo pipefail
build=$1 root=$2 cc=$3 cxx=$4
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
step() { echo "== $*"; }
fail() { echo "FAILED: $*"; exit 1; }
unset GLMOCR_MODEL LD_LIBRARY_PATH PKG_CONFIG_PATH CMAKE_PREFIX_PATH

step "install, then move"
DESTDIR=$dir/stage cmake --install "$build" --prefix /usr >"$dir/log" || { tail -20 "$dir/log"; fail "cmake --install"; }
[[ $(ls "$dir/stage") == usr ]] || fail "something was installed outside the prefix: $(ls "$dir/stage")"
mv "$dir/stage/usr" "$dir/moved"
prefix=$dir/moved
pc=$(find "$prefix" -name glmocr.pc) library=$(find "$prefix" -name 'libglmocr.so')
[[ -n $pc && -n $library && -x $prefix/bin/glm-ocr ]] || fail "missing files: $(find "$prefix" -type f)"
[[ ! -e $prefix/src && -z $(find "$prefix" -name '*_test*' -o -name '*.a') ]] || fail "build details were installed"
! grep -rIlF "$root" "$prefix/include" "$pc" "$(dirname "$library")/cmake" || fail "a path of the source tree was installed"
broken=$(cd "$prefix" && find share/glm-ocr -name '*.md' | while read -r page; do
  { grep -o '](\([^)#: ]*\)' "$page" || true; } | cut -c3- | while read -r link; do [[ -e ${page%/*}/$link ]] || echo "$page: $link"; done
done)
[[ -z $broken ]] || fail "links to files that are not installed: $broken"
export LD_LIBRARY_PATH=${library%/*} PKG_CONFIG_PATH=${pc%/*}

step "the installed program finds its model"
cp "$root/samples/page.png" "$dir/page.png"
cd "$dir"
"$prefix/bin/glm-ocr" parse page.png >program.txt
[[ $(wc -w <program.txt) -gt 50 ]] || fail "the program read: $(cat program.txt)"

step "headers are C and C++, each alone and without a warning"
warnings=(-Wall -Wextra -pedantic -Werror -fsyntax-only)
read -ra cflags <<<"$(pkg-config --cflags glmocr)"
echo '#include <glmocr/c_api.h>' >c_api.inc
for std in c99 c11; do "$cc" -std=$std "${warnings[@]}" "${cflags[@]}" -x c c_api.inc; done
for std in c++11 c++17 c++20; do "$cxx" -std=$std "${warnings[@]}" "${cflags[@]}" -x c++ c_api.inc; done
echo '#include <glmocr/glmocr.h>' >cpp.inc
"$cxx" -std=c++20 "${warnings[@]}" "${cflags[@]}" -x c++ cpp.inc

step "the README's snippets compile"
# snippet LANGUAGE: the README's first block of it
snippet() { awk -v fence="\`\`\`$1" '$0 == fence && !done { on = 1; next } /^```/ && on { on = 0; done = 1 } on' "$root/README.md"; }
{ echo '#include <glmocr/glmocr.h>'; echo '#include <iostream>'
  echo 'int fail(const glmocr::Error& e) { std::cerr << e.message; return 1; }'
  echo 'int main(int, char** argv) {'; snippet cpp; echo '}'; } >snippet.cc
{ echo '#include <glmocr/c_api.h>'; echo '#include <stdio.h>'
  echo 'static int fail(glmocr_error* e) { fputs(glmocr_error_message(e), stderr); return 1; }'
  echo 'int main(int argc, char** argv) { glmocr_error* error = NULL; glmocr_model* model; glmocr_document* document; glmocr_page* page; (void)argc;'
  snippet c; echo 'return 0; }'; } >snippet.c
[[ $(grep -c "OpenDocument(\|glmocr_document_open(" snippet.cc snippet.c) == $(printf "snippet.cc:1\nsnippet.c:1") ]] || fail "no snippets in README.md"
"$cxx" -std=c++20 -Wall -Wextra -Werror -fsyntax-only "${cflags[@]}" snippet.cc
"$cc" -std=c99 -Wall -Wextra -pedantic -Werror -fsyntax-only "${cflags[@]}" snippet.c

step "C with pkg-config"
read -ra libs <<<"$(pkg-config --libs glmocr)"
"$cc" -std=c99 -Wall -Wextra -pedantic -Werror "${cflags[@]}" "$root/examples/read_page.c" -o read_page_c "${libs[@]}"
./read_page_c page.png >c.txt
cmp c.txt program.txt

step "every block of docs/library.md"
mkdir blocks && cd blocks
cp "$root"/examples/read_document.* "$root/samples/report.pdf" .
# block LANGUAGE N: the N-th one of it
block() { awk -v fence="\`\`\`$1" -v want="$2" '$0 == fence { ++n; on = n == want; next } /^```/ { on = 0 } on' "$root/docs/library.md"; }
blocks() { grep -c "^\`\`\`$1\$" "$root/docs/library.md"; }
[[ $(blocks sh) == 1 && $(blocks cpp) -ge 4 && $(blocks c) -ge 2 ]] || fail "docs/library.md has other blocks"
[[ $(grep -c '^```[a-z]' "$root/docs/library.md") == $(($(blocks sh) + $(blocks cpp) + $(blocks c))) ]] || fail "a block of docs/library.md is not run"
for ((i = 1; i <= $(blocks cpp); ++i)); do
  { printf '#include <%s>\n' glmocr/glmocr.h fstream iostream iterator thread
    echo 'int fail(const glmocr::Error& e) { std::cerr << e.message; return 1; }'
    echo 'int main() { auto model = glmocr::Model::Load(*glmocr::Model::StarterDir()); auto document = model->OpenDocument("report.pdf"); {'
    block cpp $i; echo '} return 0; }'; } >block$i.cc
  "$cxx" -std=c++20 -Wall -Wextra -Werror "${cflags[@]}" block$i.cc -o block$i $(pkg-config --libs glmocr)
  ./block$i >block$i.txt 2>block$i.err || { cat block$i.err; fail "C++ block $i of docs/library.md"; }
done
for ((i = 1; i <= $(blocks c); ++i)); do
  { echo '#include <glmocr/c_api.h>'; echo '#include <stdio.h>'
    echo 'static int fail(glmocr_error* e) { fputs(glmocr_error_message(e), stderr); return 1; }'
    echo 'int main(void) { glmocr_error* error = NULL; glmocr_model* model = NULL; glmocr_document* document = NULL;'
    echo 'if (glmocr_model_load(NULL, NULL, &model, &error) != GLMOCR_OK) return fail(error);'; echo '{'
    block c $i; echo '} glmocr_document_free(document); glmocr_model_free(model); return 0; }'; } >cblock$i.c
  "$cc" -std=c99 -Wall -Wextra -pedantic -Werror "${cflags[@]}" cblock$i.c -o cblock$i $(pkg-config --libs glmocr)
  ./cblock$i >cblock$i.txt 2>cblock$i.err || { cat cblock$i.err; fail "C block $i of docs/library.md"; }
done
grep -q "^doc_title at .*: Water in Harrowshire" block1.txt && cmp block1.txt cblock1.txt || fail "the pages of docs/library.md: $(cat block1.txt)"
[[ -s out/report/report.md && -s out/report/report.pdf && -s report.html ]] || fail "docs/library.md wrote no files"
PATH="$dir/tools:$PATH"; mkdir "$dir/tools"; ln -s "$(command -v "$cc")" "$dir/tools/cc"; ln -s "$(command -v "$cxx")" "$dir/tools/c++"
bash -euo pipefail -c "$(block sh 1)" 2>sh.err || { cat sh.err; fail "the commands of docs/library.md"; }
"$prefix/bin/glm-ocr" parse -q --to md report.pdf | cmp - report.md
grep -q "3 of 3 pages" sh.err || fail "the example showed no progress"
[[ $(head -c 5 searchable.pdf) == %PDF- ]] && grep -q "Water in Harrowshire" pages.md || fail "the examples wrote something else"
! ./read_document "$root/tests/golden/media/decode.json" 2>no.err && grep -q "neither a PDF nor a picture" no.err || fail "no error for what is no document"
cd ..

step "C++ with find_package"
cp -r "$root/examples" examples
cmake -S examples -B cmake-build -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" >log || { cat log; fail "find_package"; }
cmake --build cmake-build --target read_page >log || { cat log; fail "build with find_package"; }
./cmake-build/read_page page.png >cpp.txt 2>regions.txt
cmp cpp.txt program.txt
grep -q "^region 0 at" regions.txt || fail "no region was reported"

step "a C project with find_package"
mkdir c-only && cp "$root/examples/read_page.c" c-only
printf '%s\n' 'cmake_minimum_required(VERSION 3.25)' 'project(c_only C)' 'find_package(glmocr 0.1 REQUIRED)' \
  'add_executable(c_only read_page.c)' 'target_link_libraries(c_only PRIVATE glmocr::glmocr)' >c-only/CMakeLists.txt
cmake -S c-only -B c-only-build -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" >log 2>&1 || { cat log; fail "find_package of a C project"; }
cmake --build c-only-build >log || { cat log; fail "build of a C project"; }

step "exported names"
# Lower-case types are local entries, which the linker leaves where a library it links has a symbol of the same name; u is global.
exported=$(nm -D --defined-only "$library" | awk '$2 !~ /^[a-tx-z]$/ {print $3}' | grep -vE '^(glmocr_[a-z_]+|_ZNK?6glmocr2v1.*|_ZT[VIS]N6glmocr2v1.*)$' || true)
[[ -z $exported ]] || fail "the library exports more than its interface: $exported"
echo ok
