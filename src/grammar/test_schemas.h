// Schemas that several tests walk through. (Their patterns name ASCII characters alone: the regular
// expressions of the validator that judges the walks see bytes.)
#pragma once

#include <array>
#include <string_view>

namespace glmocr {

inline constexpr std::array kTestSchemas = {
    std::string_view(R"({"type": "object"})"),
    std::string_view(R"({})"),
    std::string_view(
        R"({"type": "array", "items": {"type": "integer", "minimum": -20, "maximum": 1234}, "minItems": 1, "maxItems": 5})"),
    std::string_view(R"({"type": "string", "minLength": 3, "maxLength": 9})"),
    std::string_view(R"({"type": "string", "pattern": "^[A-Z][a-z]{1,5}( [0-9]+)?$"})"),
    std::string_view(R"({"type": "string", "pattern": "a[b-y]+c", "maxLength": 12})"),
    std::string_view(R"({"type": "number", "minimum": -1.25, "exclusiveMaximum": 17.5})"),
    std::string_view(
        R"({"enum": ["red", "a\"b\\c", 12, 123, null, {"a": [1, true]}, "\u00e9\u4e2d"]})"),
    std::string_view(
        R"({"type": "object", "properties": {"name": {"type": "string"}, "id": {"type": "integer"}, "value": {"type": ["number", "null"]}}, "required": ["name", "value"], "additionalProperties": false})"),
    std::string_view(
        R"({"type": "object", "properties": {"a": {"type": "integer"}, "ab": {"type": "boolean"}}, "additionalProperties": {"type": "string", "maxLength": 5}})"),
    std::string_view(
        R"({"oneOf": [{"type": "object", "properties": {"kind": {"const": "cat"}, "n": {"type": "integer"}}, "required": ["kind"]}, {"type": "object", "properties": {"kind": {"enum": ["dog", "fox"]}, "value": {"type": "string"}}, "required": ["kind", "value"]}]})"),
    std::string_view(
        R"({"$ref": "#/definitions/node", "definitions": {"node": {"type": "object", "properties": {"value": {"type": "integer"}, "children": {"type": "array", "items": {"$ref": "#/definitions/node"}, "maxItems": 2}}, "required": ["value"]}}})"),
    std::string_view(
        R"({"anyOf": [{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}, {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "null"}}, "required": ["a"]}, {"type": "boolean"}]})"),
    std::string_view(
        R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]})"),
    std::string_view(
        R"({"allOf": [{"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}, "required": ["a"]}, {"properties": {"a": {"maxLength": 4}, "b": {"type": "null"}}, "required": ["b"]}]})"),
    std::string_view(
        R"({"type": "array", "items": [{"type": "integer"}, {"type": "string"}], "additionalItems": {"type": "null"}, "minItems": 2, "maxItems": 4})"),
    std::string_view(
        R"({"type": "object", "properties": {"when": {"type": "string", "format": "date-time"}, "day": {"type": "string", "format": "date"}, "uuid": {"type": "string", "format": "uuid"}}, "required": ["when", "day", "uuid"]})"),
    // Two ways to read every level: the stack must not grow with their product.
    std::string_view(
        R"({"anyOf": [{"type": "array", "items": {"$ref": "#"}}, {"type": "array", "items": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}]})"),
};

}  // namespace glmocr
