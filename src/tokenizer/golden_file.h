// Test support: reads the files of tests/golden/tokenizer (written by
// tools/goldens/make_tokenizer_goldens.py, which documents the format). A broken golden file is our
// own bug, so it stops the test program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace glmocr {

struct GoldenText {
  std::string text;
  std::vector<int32_t> ids;        // added tokens parsed
  std::vector<int32_t> plain_ids;  // nothing parsed
};
struct GoldenStream {
  std::vector<int32_t> ids;
  std::string kept, skipped;  // special tokens kept and left out
};
struct GoldenFile {
  std::string tokenizer_json;
  std::vector<GoldenText> texts;
  std::vector<GoldenStream> streams;
};

// tests/golden/tokenizer/`name`.
std::filesystem::path GoldenPath(const std::string& name);
// models/starter/`name`.
std::filesystem::path StarterPath(const std::string& name);
GoldenFile ReadGolden(const std::string& name);

}  // namespace glmocr
