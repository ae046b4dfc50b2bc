// Jobs that a process has left unfinished. tests/server/documents_test.py kills the process.
#include "server/jobs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <thread>

#include "base/base64.h"
#include "base/file.h"
#include "server/keys.h"
#include "server/server_test_util.h"

namespace glmocr::server {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kPages = 40;
const std::vector<std::string> kFormats = {"md",   "json", "sdk-json", "html", "text",
                                           "hocr", "alto", "pdf",      "jsonl"};

// Pages of two lines and a picture, as a data: URI.
std::string Book() {
  std::vector<ReadPage> pages(kPages);
  for (size_t p = 0; p < pages.size(); ++p) {
    Image image(900, 500, 255);
    for (int line = 0; line < 2; ++line) {
      const auto& lines = GoldenLines();
      const Image& from = lines[(2 * p + static_cast<size_t>(line)) % lines.size()].image;
      for (int y = 0; y < from.height_px; ++y) {
        const int n = std::min(from.width_px, image.width_px - 60);
        std::copy_n(from.row(y), 3 * n, image.row(60 + 60 * line + y) + 3 * 30);
      }
    }
    for (int y = 250; y < 450; ++y) {
      for (int x = 100; x < 500; ++x)
        image.row(y)[3 * x] = image.row(y)[3 * x + 1] = static_cast<uint8_t>((x * y) % 97);
    }
    pages[p].source = "book";
    pages[p].page = static_cast<int>(p) + 1;
    pages[p].n_pages = kPages;
    pages[p].width_px = image.width_px;
    pages[p].height_px = image.height_px;
    pages[p].image = std::make_shared<const Image>(std::move(image));
  }
  const std::string pdf =
      DocumentText(pages, DocumentFormat::kPdf, {.pdf_jpeg_quality = 95}).value();
  return "data:application/pdf;base64," + EncodeBase64(pdf);
}

std::string WithoutTimes(const std::string& text) {
  static const std::regex kTimes(
      R"re("(seconds|prepare_seconds|first_token_seconds)":[0-9.e+-]+)re");
  return std::regex_replace(text, kTimes, "\"$1\":0");
}

class JobsTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) /
           (std::string("jobs-") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::unique_ptr<TestServer> Start() const {
    return std::make_unique<TestServer>(
        [this](ServerConfig& config) { config.data_dir = dir_.string(); });
  }
  static std::string Upload(TestServer& server) {
    static const std::string book = Book();
    const json request = {{"file", book}, {"name", "book.pdf"}, {"formats", kFormats}};
    return server.Post("/v1/documents", request).Json()["id"];
  }
  // Its folder, of a job whose server ended when some pages were read.
  std::string Interrupted() const {
    const auto server = Start();
    std::string id = Upload(*server);
    while (true) {
      const json job = server->Get("/v1/documents/" + id).Json();
      const std::string status = job["status"];
      if (job["pages_done"] >= 3 || (status != "queued" && status != "running")) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return id;
  }
  // Waits for the job's end.
  json Finished(TestServer& server, const std::string& id) const {
    json job;
    do {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      job = server.Get("/v1/documents/" + id).Json();
    } while (job["status"] == "queued" || job["status"] == "running");
    return job;
  }
  // What this server has read itself.
  static int PagesRead(TestServer& server) {
    const std::string metrics = server.Get("/metrics").body;
    std::smatch found;
    const std::regex pattern("\nglmocr_pages_read_total\\{result=\"ok\"\\} ([0-9]+)");
    return std::regex_search(metrics, found, pattern) ? std::stoi(found[1]) : -1;
  }
  fs::path Checkpoint(const std::string& id, int page) const {
    return dir_ / id / "read" / std::to_string(page);
  }
  std::string PageEvent(const std::string& id, int number) const {
    return ReadFile(dir_ / id / "pages" / (std::to_string(number) + ".json"), 1 << 20).value();
  }
  // All files of a finished job but the upload, by path.
  std::map<std::string, std::string> Files(const std::string& id) const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(dir_ / id)) {
      const std::string name = fs::relative(entry.path(), dir_ / id).string();
      // Kept pages tell how long reading took.
      if (!entry.is_regular_file() || name == "input" || name.starts_with("read/")) continue;
      std::string bytes = ReadFile(entry.path(), size_t{64} << 20).value();
      const bool has_times = name.ends_with(".json") || name.ends_with(".jsonl");
      files[name] = has_times ? WithoutTimes(bytes) : std::move(bytes);
    }
    return files;
  }
  void ExpectUndisturbed(TestServer& server, const std::string& id) const {
    const std::string other = Upload(server);
    EXPECT_EQ(Finished(server, other)["status"], "succeeded");
    const auto files = Files(id), expected = Files(other);
    EXPECT_GT(expected.size(), 3 * kPages + kFormats.size()) << "picture, event, crop a page";
    ASSERT_EQ(files.size(), expected.size());
    for (const auto& [name, bytes] : expected) EXPECT_TRUE(files.at(name) == bytes) << name;
  }

  fs::path dir_;
};

TEST_F(JobsTest, GoOnBehindThePagesThatWereRead) {
  const std::string id = Interrupted();
  int kept = 0;
  while (fs::exists(Checkpoint(id, kept + 1))) ++kept;
  ASSERT_GE(kept, 3);
  ASSERT_LT(kept, kPages) << "it was not interrupted";
  const std::string event = PageEvent(id, 3);
  const auto server = Start();
  const json job = Finished(*server, id);
  EXPECT_EQ(job["status"], "succeeded");
  EXPECT_EQ(job["pages_done"], kPages);
  EXPECT_EQ(PagesRead(*server), kPages - kept);
  EXPECT_EQ(PageEvent(id, 3), event) << "the time it took included";
  ExpectUndisturbed(*server, id);
}

TEST_F(JobsTest, ReadAgainWhatIsDamagedOrForeign) {
  const std::string id = Interrupted();
  int kept = 0;
  while (fs::exists(Checkpoint(id, kept + 1))) ++kept;
  ASSERT_GE(kept, 3);
  ASSERT_LT(kept, kPages);
  // The first is cut, the second another page's, the last stands in another's place.
  fs::resize_file(Checkpoint(id, 1), fs::file_size(Checkpoint(id, 1)) / 2);
  fs::copy_file(Checkpoint(id, 3), Checkpoint(id, 2), fs::copy_options::overwrite_existing);
  fs::rename(Checkpoint(id, kept), Checkpoint(id, kPages));
  ASSERT_TRUE(WriteFileAtomically(Checkpoint(id, kPages + 1), "of no page").ok());
  const auto server = Start();
  EXPECT_EQ(Finished(*server, id)["status"], "succeeded");
  EXPECT_EQ(PagesRead(*server), kPages - (kept - 3));
  ExpectUndisturbed(*server, id);
}

// Whatever is in the way: the pages are read, and what cannot be kept is not.
TEST_F(JobsTest, ReadOnWithoutKeepingPages) {
  const std::string id = Interrupted();
  fs::remove_all(dir_ / id / "read");
  ASSERT_TRUE(WriteFileAtomically(dir_ / id / "read", "no folder").ok());
  const auto server = Start();
  EXPECT_EQ(Finished(*server, id)["status"], "succeeded");
  EXPECT_EQ(PagesRead(*server), kPages);
  ExpectUndisturbed(*server, id);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (fs::exists(dir_ / id / "read") && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_FALSE(fs::exists(dir_ / id / "read"));
}

// Rows that somebody else wrote: said, set aside, and nothing else happens.
TEST_F(JobsTest, JobDatabaseRowsEndNothingAndDeleteNothing) {
  std::string id;
  {
    const auto server = Start();
    id = Upload(*server);
    EXPECT_EQ(Finished(*server, id)["status"], "succeeded");
  }
  const fs::path victim = dir_.parent_path() / "victim-of-jobs-test";
  fs::create_directory(victim);
  ASSERT_TRUE(WriteFileAtomically(victim / "file", "kept").ok());
  const auto execute = [&](const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((dir_ / "jobs.sqlite3").c_str(), &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sql;
    sqlite3_close(db);
  };
  int n = 0;
  const auto add = [&](const std::string& row_id, const std::string& request,
                       const std::string& status) {
    execute("INSERT INTO jobs SELECT '" + row_id + "', owner, name, " + request + ", '" + status +
            "', number + " + std::to_string(++n) +
            ", created_at, started_at, 1.0, n_pages, pages_done, pages_failed, stored_bytes, error,"
            " warnings FROM jobs WHERE id='" +
            id + "'");
  };
  add("../victim-of-jobs-test", "request", "succeeded");
  int digit = 0;
  for (const char* request :
       {R"('{"formats":5}')", R"('{"pages":[1]}')", R"('{"dpi":"x"}')", R"('{"dpi":1e300}')",
        R"('{"text_layer":"unknown"}')", R"('{"layout":{}}')", R"('{"task":null}')", "'[]'", "''",
        "'no JSON'", R"('{"language":"x y"}')", R"('{"pdfa":"yes"}')", R"('{"password":7}')", R"('{"formats":[1]}')"}) {
    for (const char* status : {"queued", "succeeded"})
      add(std::string(30, 'c') + std::to_string(10 + digit++), request, status);
  }
  const auto server = Start();
  EXPECT_EQ(server->Get("/v1/documents/" + id).Json()["status"], "succeeded");
  EXPECT_EQ(server->Get("/v1/documents").Json()["data"].size(), 1U);
  EXPECT_EQ(ReadFile(victim / "file", 100).value(), "kept");
  fs::remove_all(victim);
}

TEST_F(JobsTest, JobDatabaseThatIsEmptyDeletesNoFolder) {
  std::string id;
  {
    const auto server = Start();
    id = Upload(*server);
    EXPECT_EQ(Finished(*server, id)["status"], "succeeded");
  }
  for (const char* file : {"jobs.sqlite3", "jobs.sqlite3-wal", "jobs.sqlite3-shm"})
    fs::remove(dir_ / file);
  ASSERT_TRUE(WriteFileAtomically(dir_ / "jobs.sqlite3", "").ok());
  ASSERT_TRUE(WriteFileAtomically(dir_ / ("archive-" + id), "left").ok());
  fs::create_directory(dir_ / ("new-" + id));
  { const auto server = Start(); }
  EXPECT_TRUE(fs::exists(dir_ / id / "input"));
  EXPECT_FALSE(fs::exists(dir_ / ("archive-" + id)));
  EXPECT_FALSE(fs::exists(dir_ / ("new-" + id)));
}

// One key's documents neither push out another's results nor keep its documents from being read.
TEST_F(JobsTest, TwoKeysShareWhatIsStoredAndTheTurns) {
  const std::string alice = "alice-alice-alice", bob = "bob-bob-bob-bob-bob";
  TestServer server([&](ServerConfig& config) {
    config.data_dir = dir_.string();
    config.keys = {{.name = "alice", .digest = DigestOfKey(alice)},
                   {.name = "bob", .digest = DigestOfKey(bob)}};
    config.max_jobs = 24;
    config.document_workers = 1;
  });
  const auto call = [&](const std::string& key, const char* method, const std::string& path,
                        const std::string& body = "") {
    return server.Send(method, path, body,
                       {{"Authorization", "Bearer " + key}, {"Content-Type", "application/json"}});
  };
  const auto upload = [&](const std::string& key) {
    static const std::string book = Book();
    const json request = {{"file", book}, {"name", "book.pdf"}, {"formats", {"text"}}};
    return call(key, "POST", "/v1/documents", request.dump()).Json()["id"].get<std::string>();
  };
  const auto short_one = [&](const std::string& key) {
    const json request = {
        {"file", "data:image/png;base64," +
                     EncodeBase64(ReadFile(fs::path(GLMOCR_SOURCE_DIR) / "samples/article.png",
                                           size_t{1} << 24)
                                      .value())},
        {"name", "a.png"},
        {"formats", {"text"}}};
    return call(key, "POST", "/v1/documents", request.dump()).Json()["id"].get<std::string>();
  };
  const auto status = [&](const std::string& key, const std::string& id) {
    const auto reply = call(key, "GET", "/v1/documents/" + id);
    return reply.status == 200 ? reply.Json()["status"].get<std::string>() : "gone";
  };
  const auto wait = [&](const std::string& key, const std::string& id) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (status(key, id) != "succeeded" && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  // Every place for open documents is taken by Alice's books.
  std::vector<std::string> books;
  for (int i = 0; i < 8; ++i) books.push_back(upload(alice));
  const std::string of_bob = short_one(bob);
  wait(bob, of_bob);
  EXPECT_EQ(status(bob, of_bob), "succeeded");
  for (const std::string& id : books) EXPECT_NE(status(alice, id), "succeeded");
  for (const std::string& id : books) call(alice, "DELETE", "/v1/documents/" + id);
  // More of Alice's than are kept.
  std::string last;
  for (int i = 0; i < 30; ++i) wait(alice, last = short_one(alice));
  EXPECT_EQ(status(alice, last), "succeeded");
  EXPECT_EQ(status(bob, of_bob), "succeeded");
}

TEST_F(JobsTest, FinishedOnesLoseWhatACrashLeft) {
  std::string id;
  {
    const auto server = Start();
    id = Upload(*server);
    server->Send("POST", "/v1/documents/" + id + "/cancel", "", {});
  }
  fs::create_directory(dir_ / id / "read");
  ASSERT_TRUE(WriteFileAtomically(Checkpoint(id, 1), "left").ok());
  const auto server = Start();
  EXPECT_EQ(server->Get("/v1/documents/" + id).Json()["status"], "cancelled");
  EXPECT_FALSE(fs::exists(dir_ / id / "read"));
}

TEST_F(JobsTest, RemovesTheFoldersOfServersThatWereKilled) {
  fs::create_directories(dir_);
  const auto folder = [&](const std::string& name, const std::vector<std::string>& files) {
    fs::create_directory(dir_ / name);
    fs::permissions(dir_ / name, fs::perms::owner_all);
    for (const std::string& file : files) std::ofstream(dir_ / name / file) << "x";
    return dir_ / name;
  };
  const fs::path killed = folder("glm-ocr-aaaaaa", {"lock", "jobs.sqlite3", "upload"});
  const fs::path running = folder("glm-ocr-bbbbbb", {"lock", "jobs.sqlite3"});
  const fs::path others = folder("glm-ocr-cccccc", {"jobs.sqlite3"});
  const fs::path longer = folder("glm-ocr-results", {"lock", "jobs.sqlite3"});
  const int lock = ::open((running / "lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(lock, LOCK_EX), 0);
  const char* before = std::getenv("TMPDIR");
  const std::string restore = before == nullptr ? "" : before;
  ::setenv("TMPDIR", dir_.c_str(), 1);
  { TestServer server; }
  before == nullptr ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", restore.c_str(), 1);
  ::close(lock);
  EXPECT_FALSE(fs::exists(killed));
  EXPECT_TRUE(fs::exists(running));
  EXPECT_TRUE(fs::exists(others));
  EXPECT_TRUE(fs::exists(longer));
}

}  // namespace
}  // namespace glmocr::server
