#include "server/output_format.h"

#include "server/json_call.h"

namespace glmocr::server {
namespace {

using nlohmann::ordered_json;
using Kind = OutputFormat::Kind;

// The "type" of a format object; an error when it is none of the three.
std::optional<Kind> KindOf(Fields& fields) {
  std::string type;
  fields.RequiredString("type", &type);
  if (type == "text") return Kind::kText;
  if (type == "json_object") return Kind::kJsonObject;
  if (type == "json_schema") return Kind::kJsonSchema;
  fields.Fail("type", "must be 'text', 'json_object' or 'json_schema'");
  return std::nullopt;
}

// The members around a schema; `strict` says nothing here: a schema always holds.
void ReadSchema(Fields& fields, OutputFormat* format) {
  fields.Ignore({"name", "description"});
  bool strict = true;
  fields.Bool("strict", &strict);
  if (const ordered_json* schema = fields.Object("schema")) {
    format->schema = Dump(*schema);
  } else {
    fields.Fail("schema", "is missing");
  }
  format->field = fields.PathOf("schema");
}

}  // namespace

void ReadResponseFormat(Fields& fields, OutputFormat* format) {
  format->field = "response_format";
  for (const char* name : {"guided_json", "guided_regex", "guided_choice", "guided_grammar",
                           "structured_outputs", "grammar", "json_schema", "format"}) {
    if (fields.Any(name) != nullptr)
      fields.Fail(name, "is not supported: say the answer's form in 'response_format'");
  }
  const ordered_json* object = fields.Object("response_format");
  if (object == nullptr) return;
  Fields inner(*object, "response_format");
  format->kind = KindOf(inner).value_or(Kind::kText);
  if (format->kind == Kind::kJsonSchema) {
    if (const ordered_json* wrapped = inner.Object("json_schema")) {
      Fields schema(*wrapped, "response_format.json_schema");
      ReadSchema(schema, format);
      inner.Adopt(schema);
    } else {
      inner.Fail("json_schema", "is missing");
    }
  }
  fields.Adopt(inner);
}

void ReadTextFormat(Fields& text, OutputFormat* format) {
  format->field = text.PathOf("format");
  const ordered_json* object = text.Object("format");
  if (object == nullptr) return;
  Fields inner(*object, format->field);
  format->kind = KindOf(inner).value_or(Kind::kText);
  if (format->kind == Kind::kJsonSchema) ReadSchema(inner, format);
  text.Adopt(inner);
}

void ReadOllamaFormat(Fields& fields, OutputFormat* format) {
  format->field = "format";
  const ordered_json* value = fields.Any("format");
  if (value == nullptr || (value->is_string() && value->get_ref<const std::string&>().empty()))
    return;
  if (value->is_object()) {
    format->kind = Kind::kJsonSchema;
    format->schema = Dump(*value);
  } else if (*value == "json") {
    format->kind = Kind::kJsonObject;
  } else {
    fields.Fail("format", "must be 'json' or a JSON schema");
  }
}

std::optional<ApiError> ApplyOutputFormat(Service& service, const OutputFormat& format,
                                          GenerationTask* task) {
  if (format.kind == Kind::kText) return std::nullopt;
  auto masks = service.grammars.Json(format.schema);
  if (!masks.ok()) return ApiErrorOf(masks.error(), format.field);
  task->token_mask = std::move(*masks);
  return std::nullopt;
}

}  // namespace glmocr::server
