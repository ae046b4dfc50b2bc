// Reads the members of a JSON object that a client sent, one by one, and remembers the first that
// is wrong and all that nobody asked for. Include this only in .cc files.
//
//   Fields fields(body, "");
//   fields.Number("temperature", &temperature, 0, 2);
//   if (fields.error()) return *fields.error();       // 400, naming the field
//   log.Unknown(fields.Unknown());
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/api_error.h"

namespace glmocr::server {

inline constexpr size_t kMaxJsonValues = 100000;
// The text of a request as one JSON object; an error otherwise. Nesting and the number of values
// are bounded. Its members keep their order: answers of a JSON schema have their properties in the
// schema's.
Result<nlohmann::ordered_json> ParseRequestObject(const std::string& body,
                                                  size_t max_values = kMaxJsonValues);

class Fields {
 public:
  // `path`: of the object, in front of its members' names in errors; empty for the request itself.
  Fields(const nlohmann::ordered_json& object, std::string path);

  // Each leaves `value` alone where the member is absent or null. Numbers outside [low, high] are
  // errors.
  void Number(const char* name, double* value, double low, double high);
  void Number(const char* name, float* value, double low, double high);
  void Integer(const char* name, int64_t* value, int64_t low, int64_t high);
  void Bool(const char* name, bool* value);
  void String(const char* name, std::string* value);
  // Any value; null pointer where it is absent or null.
  const nlohmann::ordered_json* Any(const char* name);
  // An object or an array; an error when it is something else.
  const nlohmann::ordered_json* Object(const char* name);
  const nlohmann::ordered_json* Array(const char* name);
  // As String; an error where it is absent.
  void RequiredString(const char* name, std::string* value);
  // Members whose values this server takes and does nothing with.
  void Ignore(std::initializer_list<const char*> names) {
    known_.insert(names.begin(), names.end());
  }
  // Takes over the error and the unknown members of an object inside this one.
  void Adopt(const Fields& inner);

  // The first error is kept.
  void Fail(const std::string& name, const std::string& what);
  const std::optional<ApiError>& error() const { return error_; }
  // Members that were not asked for.
  std::vector<std::string> Unknown() const;
  // "messages[0].content", for errors.
  std::string PathOf(const std::string& name) const;

 private:
  const nlohmann::ordered_json* Find(const char* name);

  const nlohmann::ordered_json& object_;
  const std::string path_;
  std::set<std::string> known_;
  std::vector<std::string> unknown_inside_;
  std::optional<ApiError> error_;
};

}  // namespace glmocr::server
