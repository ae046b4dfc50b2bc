// The form that a request wants its answer in: free text, any JSON object, or JSON of a schema. A
// form that cannot be kept is refused, never passed over. Include this only in .cc files.
#pragma once

#include <optional>
#include <string>

#include "server/api_error.h"
#include "server/generation.h"
#include "server/json_fields.h"
#include "server/service.h"

namespace glmocr::server {

struct OutputFormat {
  enum class Kind { kText, kJsonObject, kJsonSchema };
  Kind kind = Kind::kText;
  // Where the request says it, "response_format"; of kJsonSchema, where its schema stands,
  // "response_format.json_schema.schema".
  std::string field;
  std::string schema;  // of kJsonSchema: as JSON, in the request's order
};

// "response_format" of chat and plain completions: {"type": "text" | "json_object" | "json_schema",
// "json_schema": {"name", "schema", "strict"}}. Other servers' names for the same wish are errors
// that name this one.
void ReadResponseFormat(Fields& fields, OutputFormat* format);
// "format" in the "text" of a response: as above, with "schema" beside "type".
void ReadTextFormat(Fields& text, OutputFormat* format);
// Ollama's "format": "json" or a schema.
void ReadOllamaFormat(Fields& fields, OutputFormat* format);

// Makes `task` keep to the format: sets its token_mask. An error when that cannot be promised.
std::optional<ApiError> ApplyOutputFormat(Service& service, const OutputFormat& format,
                                          GenerationTask* task);

}  // namespace glmocr::server
