#!/usr/bin/env bash
# What users see of the program: outputs, messages, exit codes. cli_test.sh BINARY SOURCE_DIR
set -uo pipefail
glm=$1 root=$2
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
failed=0
# expect NAME WANTED_CODE PATTERN COMMAND...: exit code, and a pattern that standard output or error must hold
expect() {
  local name=$1 code=$2 pattern=$3; shift 3
  "$@" >"$dir/out" 2>"$dir/err" </dev/null; local got=$?
  if [[ $got != "$code" ]] || ! grep -qE -- "$pattern" "$dir/out" "$dir/err"; then
    echo "FAILED $name: exit $got, wanted $code and /$pattern/"; head -5 "$dir/out" "$dir/err"; failed=1
  fi
}
page=$root/samples/page.png
expect help 0 "Examples" "$glm" --help
expect no_arguments 2 "parse" "$glm"
expect unknown_option 2 "nonsense" "$glm" parse --nonsense "$page"
expect unknown_command 2 "there is no command 'prase' \(parse, serve" "$glm" prase
expect file_as_command 2 "to read it: glm-ocr parse '" "$glm" "$page"
expect text 0 "[A-Za-z]{3}" "$glm" parse "$page"
expect jsonl 0 '"schema":"glm-ocr.page/1"' "$glm" parse -f jsonl "$page"
expect json 0 '"glm-ocr.document/1"' "$glm" parse --to json "$page"
expect missing_file 1 "nope.png.*" "$glm" parse "$dir/nope.png"
: >"$dir/empty.png"
expect empty_file 1 "empty.png.: the file is empty" "$glm" parse "$dir/empty.png"
expect partial 3 "1 document, 1 page, 1 failed -> .*/o/$" "$glm" parse "$dir/empty.png" "$page" -o "$dir/o" -f md
[[ -s $dir/o/page/page.md && $(ls "$dir/o") == $'journal.jsonl\npage' ]] || { echo "FAILED partial: $(ls "$dir/o")"; failed=1; }
for task in table formula "Read the third line:"; do
  expect "task_$task" 2 "reads lines of text only; use auto" "$glm" parse --task "$task" "$page"
done
# A page is no line: what such a model makes of it is not to be trusted. Nor is a line's crop warned of.
expect layout_none 0 "^warning: .* page 1: this model reads single lines, and the picture has [0-9]+" "$glm" parse --layout none "$page"
expect task_text 0 "[A-Za-z]{3}" "$glm" parse --task text "$page"
# Text that a layout network's regions leave out is read: these weights are random.
expect uncovered 0 "[A-Za-z]{3} [A-Za-z]{3}" "$glm" parse --layout-model "$root/tests/golden/layout/small" --to text "$page"
# Warnings are in the JSON of a page.
expect warns_of_a_script 0 '"low_confidence"' "$glm" parse --text-layer off --pages 1 --to json "$root/tests/golden/warnings/foreign.pdf"
expect warns_of_frames 0 '"frames_skipped"' "$glm" parse --to json "$root/tests/golden/media/gif_animated.gif"
expect missing_model 1 "does not exist" "$glm" parse --model "$dir/none" "$page"
mkdir "$dir/bad"; cp "$root"/models/starter/*.json "$dir/bad"; head -c 100000 "$root/models/starter/model.safetensors" >"$dir/bad/model.safetensors"
head -c 20000 "$page" >"$dir/cut.png"
expect rejects_truncated 1 "--accept-truncated" "$glm" parse "$dir/cut.png"
expect warns_of_truncated 0 '"picture_damaged"' "$glm" parse --accept-truncated --to json "$dir/cut.png"
expect truncated_model 1 "model.safetensors" "$glm" parse --model "$dir/bad" "$page"
expect unknown_kernels 1 "cannot run on this machine; it can run" "$glm" parse --kernels mmx "$page"
expect inspect 0 "glm_ocr" "$glm" inspect "$root/models/starter"
# eval: a folder of predictions against one of truths; the text of a table is no table.
mkdir "$dir/read"; for name in letter invoice paper report form; do cp "$root/samples/$name.truth.md" "$dir/read/$name.md"; done
expect eval_missing_one 3 "skewed \(missing\) +100.00 %" "$glm" eval "$dir/read" "$root/samples"
cp "$root/samples/skewed.truth.txt" "$dir/read/skewed.txt"
expect eval_folders 0 "^all +0.00 % +0.00 % +0.0000 +0.0000 +- +1.0000 +1.0000" "$glm" eval "$dir/read" "$root/samples"
expect eval_files 0 "^invoice +0.00 %.* 0.0000 +0.0000$" "$glm" eval "$root/samples/invoice.truth.txt" "$root/samples/invoice.truth.json"
expect eval_json 0 '"schema": "glm-ocr.eval/1"' "$glm" eval "$dir/read/form.md" "$root/samples" --json
expect eval_no_such 1 "does not exist" "$glm" eval "$dir/nope" "$root/samples"
expect eval_picture 1 "must end in .md" "$glm" eval "$page" "$root/samples"
printf 'a\xff' >"$dir/read/form.md"
expect eval_bytes 3 "form.md.*not UTF-8 at byte 1" "$glm" eval "$dir/read" "$root/samples"
if [[ -w /dev/full ]]; then
  "$glm" parse "$page" >/dev/full 2>"$dir/err"; code=$?
  [[ $code == 1 ]] && grep -q "standard output" "$dir/err" || { echo "FAILED full_disk: exit $code"; failed=1; }
fi
# A run that was cut short goes on: what is done is not read again, what failed is.
"$glm" parse "$dir/empty.png" "$page" -o "$dir/o" -f md --resume 2>"$dir/err"; code=$?
[[ $code == 3 ]] && grep -q "^0 documents, 0 pages, 1 done before, 1 failed -> " "$dir/err" ||
  { echo "FAILED resume: exit $code"; cat "$dir/err"; failed=1; }
cp "$page" "$dir/empty.png"
"$glm" parse "$dir/empty.png" "$page" -o "$dir/o" -f md --resume 2>"$dir/err"; code=$?
[[ $code == 0 ]] && grep -q "^1 document, 1 page, 1 done before -> " "$dir/err" && cmp -s "$dir/o/empty/empty.md" "$dir/o/page/page.md" ||
  { echo "FAILED resume after repair: exit $code"; cat "$dir/err"; failed=1; }
expect jsonl_folder 0 "1 document, 1 page" "$glm" parse -t jsonl "$page" -o "$dir/lines"
grep -q '"schema":"glm-ocr.page/1"' "$dir/lines/page/page.jsonl" || { echo "FAILED jsonl_folder"; failed=1; }
expect format_alias 0 "[A-Za-z]{3}" "$glm" parse "$page" --to markdown
expect unknown_format 2 "docx.*choose from md" "$glm" parse "$page" --to docx
expect resume_needs_folder 2 "output" "$glm" parse --resume "$page"
expect one_format 1 "one format" "$glm" parse --to md,json "$page"
"$glm" parse - <"$page" >"$dir/stdin.txt" && "$glm" parse "$page" >"$dir/file.txt" && cmp "$dir/stdin.txt" "$dir/file.txt" ||
  { echo "FAILED stdin"; failed=1; }
exit $failed
