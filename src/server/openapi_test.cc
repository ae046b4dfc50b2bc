#include "server/openapi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <set>

#include "format/formats.h"
#include "layout/geometric.h"
#include "pipeline/default_model.h"
#include "server/document_request.h"
#include "server/server.h"

namespace glmocr::server {
namespace {

using nlohmann::json;

// "GET /v1/models"
std::set<std::string> Documented(std::string_view text) {
  std::set<std::string> all;
  const json document = json::parse(text);
  for (const auto& [path, methods] : document["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) {
      std::string upper = method;
      for (char& c : upper) c = static_cast<char>(std::toupper(c));
      all.insert(upper + " " + path);
    }
  }
  return all;
}

std::set<std::string> Routes() {
  auto dir = DefaultModelDir();
  EXPECT_TRUE(dir.ok());
  auto recognizer = Recognizer::Load(*dir, {});
  EXPECT_TRUE(recognizer.ok());
  ServerConfig config;
  config.http.port = 0;
  config.log_level = "error";
  auto server = Server::Start(config, **recognizer, MakeGeometricLayout());
  EXPECT_TRUE(server.ok());
  const std::vector<std::string> routes = (*server)->routes();
  return {routes.begin(), routes.end()};
}

TEST(OpenApi, EveryRouteIsDocumented) {
  const std::set<std::string> documented = Documented(OpenApiSource());
  for (const std::string& route : Routes()) {
    if (route.starts_with("GET /assets/")) continue;  // parts of the page at /
    EXPECT_TRUE(documented.contains(route)) << route << " is missing in src/server/openapi.json";
  }
}

TEST(OpenApi, NothingIsDocumentedThatDoesNotExist) {
  const std::set<std::string> routes = Routes();
  for (const std::string& route : Documented(OpenApiSource()))
    EXPECT_TRUE(routes.contains(route)) << route << " is in src/server/openapi.json, but no route";
}

// Enums that list result formats, wherever they stand.
void CollectFormatEnums(const json& value, std::vector<json>& found) {
  if (value.is_object() && value.contains("enum")) {
    const json& names = value["enum"];
    if (std::find(names.begin(), names.end(), "sdk-json") != names.end()) found.push_back(names);
  }
  for (const json& inner : value) {
    if (inner.is_structured()) CollectFormatEnums(inner, found);
  }
}

TEST(OpenApi, FormatsAreThoseOfTheTable) {
  std::vector<json> enums;
  CollectFormatEnums(json::parse(OpenApiSource()), enums);
  EXPECT_EQ(enums.size(), 4u) << "uploads as form and as JSON, one read again, results";
  size_t n_results = 0;
  for (json names : enums) {
    if (names.back() == "zip") {  // of results alone: all that was made
      names.erase(names.size() - 1);
      ++n_results;
    }
    EXPECT_EQ(names, json(FormatNames()));
  }
  EXPECT_EQ(n_results, 1u);
}

// The properties of what asks for a document to be read: uploads as form and as JSON, one read
// again.
std::vector<json> DocumentProperties() {
  const json paths = json::parse(OpenApiSource())["paths"];
  const auto of = [&](const char* path, const char* type) -> json {
    return paths.at(path)
        .at("post")
        .at("requestBody")
        .at("content")
        .at(type)
        .at("schema")
        .at("properties");
  };
  return {of("/v1/documents", "multipart/form-data"), of("/v1/documents", "application/json"),
          of("/v1/documents/{id}/reread", "application/json")};
}

TEST(OpenApi, DocumentsAreAskedForWithTheFieldsThatAreRead) {
  for (json properties : DocumentProperties()) {
    EXPECT_EQ(properties.at("text_layer").at("enum"), json(kTextLayerNames));
    properties.erase("file");
    properties.erase("name");
    std::set<std::string> documented, read;
    for (const auto& [name, schema] : properties.items()) documented.insert(name);
    const json request = ToJson(DocumentRequest());
    for (const auto& [name, value] : request.items()) read.insert(name);
    EXPECT_EQ(documented, read);
  }
}

TEST(OpenApi, OnlyWhatTheRouterHasIsServed) {
  ServerConfig config;
  KeyRing keys{{}};
  Router router(config, keys);
  const HttpHandler nothing = [](std::shared_ptr<const HttpRequest>, std::shared_ptr<Responder>) {};
  router.Add({.method = "GET", .pattern = "/health", .handler = nothing});
  router.Add({.method = "POST", .pattern = "/ready", .handler = nothing});
  EXPECT_THAT(Documented(OpenApiDocument(router)), ::testing::ElementsAre("GET /health"));
  EXPECT_NE(json::parse(OpenApiDocument(router))["info"]["version"], "0");
}

}  // namespace
}  // namespace glmocr::server
