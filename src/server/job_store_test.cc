#include "server/job_store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

namespace glmocr::server {
namespace {

class JobStoreTest : public testing::Test {
 protected:
  JobStoreTest() {
    std::string pattern = testing::TempDir() + "job_store_XXXXXX";
    dir_ = ::mkdtemp(pattern.data());
  }
  ~JobStoreTest() override { std::filesystem::remove_all(dir_); }
  std::filesystem::path file() const { return dir_ / "jobs.sqlite3"; }

  static Job Sample(int64_t number) {
    return {.id = std::string(31, 'a') + static_cast<char>('0' + number),
            .owner = "alice",
            .name = "a'b\"; DROP TABLE jobs; -- \xE6\x97\xA5.pdf",
            .request = R"({"pages":"1-3"})",
            .status = JobStatus::kRunning,
            .number = number,
            .created_at = 1.5e9 + 0.25,
            .started_at = 1.5e9 + 1,
            .n_pages = 7,
            .pages_done = 3,
            .pages_failed = 1,
            .stored_bytes = int64_t{1} << 40,
            .error = "page 2",
            .warnings = R"([{"kind":"no_text","page":3,"message":"no text"}])"};
  }

  std::filesystem::path dir_;
};

// Each row is wrong in one thing: it is set aside, the right one stays.
TEST_F(JobStoreTest, JobDatabaseRowsThatAreWrongAreSetAside) {
  const std::vector<std::string> changes = {"id='../victim'",
                                            "id=upper(id)",
                                            "id=CAST(id AS BLOB)",
                                            "id='a'",
                                            "id=''",
                                            "request=5",
                                            "request=X'00'",
                                            "status='done'",
                                            "number=-1",
                                            "number='x'",
                                            "number=9223372036854775807",
                                            "created_at='soon'",
                                            "finished_at=-1e300",
                                            "n_pages='many'",
                                            "n_pages=99999999999",
                                            "pages_done=-3",
                                            "stored_bytes=-1",
                                            "owner=X'01'"};
  {
    auto store = JobStore::Open(file());
    ASSERT_TRUE(store.ok());
    for (int64_t i = 0; i <= static_cast<int64_t>(changes.size()); ++i) {
      Job job = Sample(1);
      job.number = i + 1;
      job.id =
          std::string(30, 'b') + static_cast<char>('a' + i / 6) + static_cast<char>('a' + i % 6);
      ASSERT_TRUE((*store)->Save(job).ok());
    }
  }
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file().c_str(), &db), SQLITE_OK);
  for (size_t i = 0; i < changes.size(); ++i) {
    const std::string sql =
        "UPDATE jobs SET " + changes[i] + " WHERE number=" + std::to_string(i + 2);
    ASSERT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sql;
  }
  sqlite3_close(db);
  auto store = JobStore::Open(file());
  ASSERT_TRUE(store.ok()) << store.error().message;
  int64_t n_set_aside = 0;
  const auto jobs = (*store)->Load(&n_set_aside);
  ASSERT_TRUE(jobs.ok()) << jobs.error().message;
  // A column of type TEXT makes text of the number 5.
  EXPECT_EQ(n_set_aside, static_cast<int64_t>(changes.size()) - 1);
  ASSERT_EQ(jobs->size(), 2U);
  ASSERT_TRUE((*store)->SetAside((*jobs)[1].id).ok());
  EXPECT_EQ((*store)->Load(&n_set_aside)->size(), 1U);
  EXPECT_EQ(n_set_aside, 0);
}

TEST_F(JobStoreTest, KeepsAllOfAJobAndTheOrder) {
  {
    auto store = JobStore::Open(file());
    ASSERT_TRUE(store.ok()) << store.error().message;
    ASSERT_TRUE((*store)->Save(Sample(2)).ok());
    ASSERT_TRUE((*store)->Save(Sample(1)).ok());
    Job changed = Sample(2);
    changed.status = JobStatus::kPartial;
    changed.finished_at = 1.5e9 + 9;
    ASSERT_TRUE((*store)->Save(changed).ok());
  }
  auto store = JobStore::Open(file());
  ASSERT_TRUE(store.ok()) << store.error().message;
  auto jobs = (*store)->Load();
  ASSERT_TRUE(jobs.ok());
  ASSERT_EQ(jobs->size(), 2U);
  const Job want = Sample(1);
  const Job& got = (*jobs)[0];
  EXPECT_EQ(got.id, want.id);
  EXPECT_EQ(got.owner, want.owner);
  EXPECT_EQ(got.name, want.name);
  EXPECT_EQ(got.request, want.request);
  EXPECT_EQ(got.status, want.status);
  EXPECT_EQ(got.created_at, want.created_at);
  EXPECT_EQ(got.n_pages, want.n_pages);
  EXPECT_EQ(got.pages_done, want.pages_done);
  EXPECT_EQ(got.pages_failed, want.pages_failed);
  EXPECT_EQ(got.stored_bytes, want.stored_bytes);
  EXPECT_EQ(got.error, want.error);
  EXPECT_EQ(got.warnings, want.warnings);
  EXPECT_EQ((*jobs)[1].status, JobStatus::kPartial);
  EXPECT_EQ((*jobs)[1].finished_at, 1.5e9 + 9);
}

TEST_F(JobStoreTest, DeletesOneJob) {
  auto store = JobStore::Open(file());
  ASSERT_TRUE(store.ok());
  ASSERT_TRUE((*store)->Save(Sample(1)).ok());
  ASSERT_TRUE((*store)->Save(Sample(2)).ok());
  ASSERT_TRUE((*store)->Delete(Sample(1).id).ok());
  const auto jobs = (*store)->Load();
  ASSERT_TRUE(jobs.ok());
  ASSERT_EQ(jobs->size(), 1U);
  EXPECT_EQ(jobs->front().number, 2);
}

// The table as version 1 made it.
TEST_F(JobStoreTest, TakesOverAnOlderDatabase) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file().c_str(), &db), SQLITE_OK);
  ASSERT_EQ(
      sqlite3_exec(
          db,
          "CREATE TABLE jobs(id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL,"
          " request TEXT NOT NULL, status TEXT NOT NULL, number INTEGER NOT NULL,"
          " created_at REAL NOT NULL, started_at REAL NOT NULL, finished_at REAL NOT NULL,"
          " n_pages INTEGER NOT NULL, pages_done INTEGER NOT NULL, pages_failed INTEGER NOT NULL,"
          " stored_bytes INTEGER NOT NULL, error TEXT NOT NULL) WITHOUT ROWID;"
          "INSERT INTO jobs VALUES('0123456789abcdef0123456789abcdef','bob','old.pdf','{}',"
          "'succeeded',1,1.0,2.0,3.0,4,4,0,100,'');"
          "PRAGMA user_version=1;",
          nullptr, nullptr, nullptr),
      SQLITE_OK);
  sqlite3_close(db);
  for (int i = 0; i < 2; ++i) {
    auto store = JobStore::Open(file());
    ASSERT_TRUE(store.ok()) << store.error().message;
    auto jobs = (*store)->Load();
    ASSERT_TRUE(jobs.ok());
    ASSERT_EQ(jobs->size(), 1U + static_cast<size_t>(i));
    EXPECT_EQ(jobs->front().name, "old.pdf");
    EXPECT_EQ(jobs->front().warnings, "[]");
    ASSERT_TRUE((*store)->Save(Sample(2)).ok());
  }
}

TEST_F(JobStoreTest, RefusesWhatIsNoDatabase) {
  std::ofstream(file()) << std::string(5000, 'x');
  const auto store = JobStore::Open(file());
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(store.error().message.find("jobs.sqlite3"), std::string::npos);
}

TEST_F(JobStoreTest, RefusesTheDatabaseOfANewerVersion) {
  ASSERT_TRUE(JobStore::Open(file()).ok());
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file().c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "PRAGMA user_version=99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const auto store = JobStore::Open(file());
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace glmocr::server
