// JSON Schema to automaton: see json_grammar.h and docs/json_schema.md.
#pragma once

#include "base/result.h"
#include "grammar/automaton.h"
#include "grammar/json_grammar.h"
#include "grammar/schema_json.h"

namespace glmocr {

Result<Automaton> CompileSchema(const JsonNode& schema, JsonLayout layout);

}  // namespace glmocr
