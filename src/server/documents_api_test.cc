#include <gtest/gtest.h>

#include <thread>

#include "base/base64.h"
#include "server/server_test_util.h"

namespace glmocr::server {
namespace {

using nlohmann::json;

json WaitFor(TestServer& server, const std::string& id) {
  while (true) {
    json job = server.Get("/v1/documents/" + id).Json();
    if (job.value("status", "") != "queued" && job.value("status", "") != "running") return job;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

TEST(DocumentsApi, ReadsAPictureInEveryApi) {
  TestServer server;
  const GoldenLine& line = GoldenLines()[1];
  const json made =
      server.Post("/v1/documents", {{"file", line.uri}, {"layout", "lines"}, {"formats", {"text"}}})
          .Json();
  const json job = WaitFor(server, made["id"]);
  EXPECT_EQ(job["status"], "succeeded");
  const std::string url = "/v1/documents/" + made["id"].get<std::string>();
  EXPECT_EQ(server.Get(url + "/result?format=text").body, line.text + "\n");
  EXPECT_EQ(server.Get(url + "/events").EventNames(),
            (std::vector<std::string>{"status", "page", "done"}));
  for (const auto& [path, body, field] :
       {std::tuple{"/glmocr/parse", json{{"images", {line.uri}}}, "markdown_result"},
        std::tuple{"/api/paas/v4/layout_parsing", json{{"file", line.uri}}, "md_results"}}) {
    const HttpReply reply = server.Post(path, body);
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_FALSE(reply.Json()[field].get<std::string>().empty()) << reply.body;
  }
  const HttpReply ocr = server.Post(
      "/v1/ocr", {{"document", {{"type", "image_url"}, {"image_url", {{"url", line.uri}}}}}});
  EXPECT_EQ(ocr.status, 200);
  EXPECT_FALSE(ocr.Json()["pages"][0]["markdown"].get<std::string>().empty()) << ocr.body;
}

TEST(DocumentsApi, TellsHowSureItIsOfEveryWord) {
  TestServer server;
  const GoldenLine& line = GoldenLines()[1];
  const json made = server.Post("/v1/documents", {{"file", line.uri}, {"layout", "lines"}}).Json();
  EXPECT_GT(WaitFor(server, made["id"])["seconds"].get<double>(), 0);
  const HttpReply events = server.Get("/v1/documents/" + made["id"].get<std::string>() + "/events");
  const std::vector<json> all = events.Events();
  ASSERT_GE(all.size(), 2u);
  std::string text;
  for (const json& word : all[1]["regions"][0]["words"]) {
    text += (text.empty() ? "" : " ") + word["text"].get<std::string>();
    EXPECT_GT(word["confidence"].get<double>(), 0);
    EXPECT_LE(word["confidence"].get<double>(), 1);
  }
  EXPECT_EQ(text, line.text);
}

TEST(DocumentsApi, ReadsAnUploadOnceMoreWithOtherOptions) {
  TestServer server;
  const json first = server
                         .Post("/v1/documents", {{"file", GoldenLines()[1].uri},
                                                 {"name", "line.png"},
                                                 {"layout", "lines"},
                                                 {"formats", {"text"}}})
                         .Json();
  const std::string url = "/v1/documents/" + first["id"].get<std::string>();
  WaitFor(server, first["id"]);
  const json bad = server.Refused(url + "/reread", {{"layout", "x"}});
  EXPECT_EQ(bad["param"], "layout");
  server.Refused("/v1/documents/none/reread", json::object(), 404);
  const HttpReply reply = server.Post(url + "/reread", {{"formats", "md"}});
  ASSERT_EQ(reply.status, 202) << reply.body;
  const json second = WaitFor(server, reply.Json()["id"]);
  EXPECT_NE(second["id"], first["id"]);
  EXPECT_EQ(second["name"], "line.png");
  EXPECT_EQ(second["status"], "succeeded");
  EXPECT_EQ(second["formats"], json({"md"}));
  EXPECT_EQ(server.Get("/v1/documents").Json()["data"].size(), 2u);
}

TEST(DocumentsApi, DocumentsAndPagesAreCounted) {
  TestServer server;
  const std::string uri = GoldenLines()[1].uri;
  EXPECT_EQ(WaitFor(server, server.Post("/v1/documents", {{"file", uri}}).Json()["id"])["status"],
            "succeeded");
  server.Good("/glmocr/parse", {{"images", {uri, uri}}});
  // A picture by its header, and nothing else: the job fails, and its one page with it.
  const std::string head = uri.substr(0, uri.find(',') + 1 + 80);
  EXPECT_EQ(WaitFor(server, server.Post("/v1/documents", {{"file", head}}).Json()["id"])["status"],
            "failed");
  const std::string metrics = server.Get("/metrics").body;
  for (const char* line :
       {"glmocr_documents_total{status=\"succeeded\"} 3", "glmocr_documents_running 0",
        "glmocr_documents_total{status=\"failed\"} 1", "glmocr_pages_read_total{result=\"ok\"} 3",
        "glmocr_document_duration_seconds_count 4"}) {
    EXPECT_NE(metrics.find(std::string(line) + "\n"), std::string::npos) << line << metrics;
  }
}

TEST(DocumentsApi, SaysWhatItCannotDo) {
  TestServer server;
  const std::string uri = GoldenLines()[0].uri;
  for (const auto& [field, value] :
       {std::pair{"layout", "pp-doclayout-v3"}, std::pair{"task", "table"},
        std::pair{"formats", "docx"}, std::pair{"pages", "x"}, std::pair{"text_layer", "x"},
        std::pair{"language", "x y"}, std::pair{"pdfa", "yes"}, std::pair{"deskew", "1"},
        std::pair{"clean", "x"}}) {
    const HttpReply reply = server.Post("/v1/documents", {{"file", uri}, {field, value}});
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(reply.Json()["error"]["param"], field) << reply.body;
  }
  const std::string body = json{{"file", uri}}.dump();
  for (const char* type : {"text/plain", "application/jsonp", "multipart/form-data-x"}) {
    EXPECT_EQ(server.Send("POST", "/v1/documents", body, {{"Content-Type", type}}).status, 415)
        << type;
  }
  EXPECT_EQ(server.Post("/v1/documents", {{"file", 7}}).status, 400);
  EXPECT_EQ(server.Post("/v1/documents", {{"file", "/etc/passwd"}}).status, 400);
  EXPECT_EQ(server.Post("/glmocr/parse", {{"images", {1}}}).status, 400);
  EXPECT_TRUE(server.Get("/v1/documents").Json()["data"].empty());
}

TEST(DocumentsApi, AFinishedJobMakesRoom) {
  TestServer server([](ServerConfig& config) { config.max_jobs = 1; });
  const GoldenLine& line = GoldenLines()[1];
  const json first = server.Post("/v1/documents", {{"file", line.uri}}).Json();
  WaitFor(server, first["id"]);
  // A finished job makes room for the next.
  EXPECT_EQ(server.Post("/v1/documents", {{"file", line.uri}}).status, 202);
  EXPECT_EQ(server.Get("/v1/documents/" + first["id"].get<std::string>()).status, 404);
}

// security: path-name. What reaches the disk is in tests/server/documents_test.py.
TEST(Security, PathNameIsDataNeverAPath) {
  TestServer server;
  const std::string uri = GoldenLines()[0].uri;
  const std::string png = DecodeBase64(uri.substr(uri.find(',') + 1)).value();
  for (const std::string& name :
       {std::string("../../x.png"), std::string("/etc/passwd"), std::string("..\\..\\x.png"),
        std::string(".."), std::string("a\tb.png"), std::string(4000, 'n') + ".png",
        std::string("\xff\xfe.png"), std::string("x; filename=y.png")}) {
    std::string body = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"";
    body.append(name).append("\"\r\nContent-Type: image/png\r\n\r\n").append(png);
    body += "\r\n--b--\r\n";
    const HttpReply reply = server.Send("POST", "/v1/documents", body,
                                        {{"Content-Type", "multipart/form-data; boundary=b"}});
    ASSERT_EQ(reply.status, 202) << name << reply.body;
    const json job = reply.Json();
    const std::string shown = job["name"];
    EXPECT_EQ(shown.find('/'), std::string::npos) << shown;
    EXPECT_LE(shown.size(), 255U);
    EXPECT_FALSE(shown.empty() || shown == "..") << name;
    const std::string url = "/v1/documents/" + job["id"].get<std::string>();
    EXPECT_EQ(WaitFor(server, job["id"])["status"], "succeeded") << name;
    const std::string disposition =
        server.Get(url + "/result?format=md").headers["content-disposition"];
    EXPECT_EQ(disposition.find_first_of("/\\\r\n"), std::string::npos) << disposition;
  }
  // Nor do routes take more than one part of a path for a name.
  for (const char* path : {"/files/imgs/../../../input", "/files/imgs/..%2f..%2finput",
                           "/files/imgs/..", "/pages/../image", "/pages/-1/image"}) {
    const std::string id = server.Get("/v1/documents").Json()["data"][0]["id"];
    EXPECT_EQ(server.Get("/v1/documents/" + id + path).status, 404) << path;
  }
}

}  // namespace
}  // namespace glmocr::server
