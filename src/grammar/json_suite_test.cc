// The official JSON Schema test suite (Debian: json-schema-test-suite), draft 7: no instance that a
// schema refuses may pass its grammar. (Valid ones may fail: properties have an order here, and
// additional ones are written only where the schema speaks of them.)
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "grammar/json_grammar.h"

namespace glmocr {
namespace {

constexpr const char* kSuite = "/usr/share/json-schema-test-suite/tests/draft7";

TEST(JsonSchemaSuite, NothingInvalidPasses) {
  if (!std::filesystem::exists(kSuite))
    GTEST_SKIP() << kSuite << " is missing; 'scripts/install_deps.sh test' installs it";
  int n_schemas = 0, n_compiled = 0, n_valid = 0, n_passed = 0, n_invalid = 0;
  for (const auto& file : std::filesystem::directory_iterator(kSuite)) {
    if (file.path().extension() != ".json") continue;
    const auto text = ReadFile(file.path(), size_t{1} << 24);
    ASSERT_TRUE(text.ok());
    const auto groups = nlohmann::ordered_json::parse(*text);
    for (const auto& group : groups) {
      ++n_schemas;
      const auto grammar = CompileJsonSchema(group["schema"].dump());
      if (!grammar.ok()) continue;
      ++n_compiled;
      for (const auto& test : group["tests"]) {
        const std::string instance = test["data"].dump();
        const bool passes = Matches(**grammar, instance);
        if (test["valid"].get<bool>()) {
          ++n_valid;
          n_passed += passes ? 1 : 0;
        } else {
          ++n_invalid;
          EXPECT_FALSE(passes) << file.path().filename() << ": " << group["schema"]
                               << "\nlets through " << instance << " (" << test["description"]
                               << ")";
        }
      }
    }
  }
  RecordProperty("schemas", n_schemas);
  std::printf("%d of %d schemas; %d of %d valid instances pass; %d invalid ones\n", n_compiled,
              n_schemas, n_passed, n_valid, n_invalid);
  // Below these numbers the suite would no longer be read, or schemas be refused wholesale.
  EXPECT_GE(n_compiled, 60);
  EXPECT_GE(n_invalid, 100);
  EXPECT_GE(n_passed, 90);
}

}  // namespace
}  // namespace glmocr
