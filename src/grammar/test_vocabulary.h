// A small vocabulary for tests: all bytes, pieces that cross the borders of JSON's grammar and of
// characters, and tokens that are never text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/json_grammar.h"

namespace glmocr {

struct TestVocabulary {
  std::vector<std::string> texts;  // of each id; empty: special
  int32_t eos = 0;
  std::shared_ptr<const TokenTrie> trie;

  int64_t size() const { return static_cast<int64_t>(texts.size()); }

  static TestVocabulary Make() {
    TestVocabulary v;
    v.texts.emplace_back();  // end of sequence
    v.texts.emplace_back();  // another special token
    for (int b = 0; b < 256; ++b) v.texts.emplace_back(1, static_cast<char>(b));
    for (const char* piece : {"{\"",
                              "\":",
                              "\": ",
                              "\",",
                              "\", ",
                              "\",\n",
                              "\"}",
                              "\"]",
                              "},",
                              "}]",
                              "}}",
                              "]}",
                              "]]",
                              "[{",
                              "[{\"",
                              "[[",
                              "[]",
                              "{}",
                              "[\"",
                              ", ",
                              ",\n",
                              ",\n  ",
                              "\n    ",
                              "  ",
                              "\n\n",
                              ": ",
                              ": \"",
                              ":\"",
                              "\",\"",
                              "\"}}",
                              "\"}]",
                              "\"}],",
                              "\":{\"",
                              "\":[",
                              "true",
                              "false",
                              "null",
                              "tr",
                              "ue",
                              "fa",
                              "lse",
                              "nul",
                              "12",
                              "123",
                              "00",
                              "0.",
                              ".5",
                              "-1",
                              "1e",
                              "e-",
                              "19",
                              "20",
                              "202",
                              "-0",
                              "0,",
                              "1]",
                              "2}",
                              "a",
                              "ab",
                              "abc",
                              "name",
                              "kind",
                              "value",
                              "id",
                              "cat",
                              "dog",
                              "red",
                              "the",
                              " the",
                              "Hello",
                              " world",
                              "a\"",
                              "b\",",
                              "c\":",
                              "\\n",
                              "\\\"",
                              "\\u",
                              "\\u00",
                              "d83d",
                              "\\ud8",
                              "\xC3",
                              "\xA9",
                              "\xC3\xA9",
                              "\xE4\xB8",
                              "\xAD\xE6",
                              "\xE4\xB8\xAD",
                              "\xF0\x9F",
                              "\x98\x80",
                              "\xE4\xB8\xAD\xE6\x96\x87",
                              "\x80\"",
                              "\xA9\"",
                              "\xF0\x9F\x98\x80",
                              "T1",
                              ":0",
                              "Z\"",
                              "@",
                              ".com"})
      v.texts.emplace_back(piece);
    v.texts.emplace_back();  // a hole
    const std::vector<std::string_view> views(v.texts.begin(), v.texts.end());
    v.trie = BuildTokenTrie(views).value();
    return v;
  }
};

}  // namespace glmocr
