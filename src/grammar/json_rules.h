// The rules that all JSON grammars share: strings, numbers, white space, any value. Made on demand,
// so that a grammar holds only what it uses.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "grammar/automaton.h"
#include "grammar/char_dfa.h"
#include "grammar/json_grammar.h"

namespace glmocr {

constexpr int kMaxIndent = 16;  // spaces behind a line break

class JsonRules {
 public:
  enum class Name {
    kString,   // any string
    kChar,     // one character of a string, with all its escapes
    kInteger,  // any integer
    kNumber,   // any number
    kComma,    // each with the white space that belongs to it
    kOpenObject,
    kCloseObject,
    kOpenArray,
    kCloseArray,
    kAny,  // any value
    kAnyObject,
    kAnyArray,
  };
  JsonRules(AutomatonBuilder* builder, JsonLayout layout) : b_(*builder), layout_(layout) {}

  RuleId Get(Name name);
  // From behind a key to behind its colon: returns the states at which the value may begin.
  std::vector<StateId> Colon(StateId from);

  // Strings whose characters the automaton accepts, from behind the opening quote to behind the
  // closing one. Every character has one spelling: itself, or the shortest escape.
  void StringBody(const CharDfa& dfa, StateId from, StateId to);
  // Texts of ASCII characters as they are. The start state of `dfa` is entered only once.
  void PlainText(const CharDfa& dfa, StateId from);

 private:
  void AddChar(StateId from, StateId to);
  void AddSpace(StateId from, StateId to);
  void Build(Name name, StateId start);

  AutomatonBuilder& b_;
  JsonLayout layout_;
  std::map<Name, RuleId> rules_;
};

}  // namespace glmocr
