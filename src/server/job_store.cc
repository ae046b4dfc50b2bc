#include "server/job_store.h"

#include <fmt/core.h>
#include <sqlite3.h>

#include <array>

namespace glmocr::server {
namespace {

constexpr int kSchema = 2;  // 2: warnings
constexpr std::array<std::string_view, 6> kStatusNames = {"queued", "running",   "succeeded",
                                                          "failed", "cancelled", "partial"};

JobStatus StatusOf(std::string_view name) {
  for (size_t i = 0; i < kStatusNames.size(); ++i) {
    if (kStatusNames[i] == name) return static_cast<JobStatus>(i);
  }
  return JobStatus::kFailed;
}

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

// Statements are made anew for each call: a job is written a few times per page, which takes
// seconds to read.
Statement Prepare(sqlite3* db, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(db, sql, -1, &statement, nullptr);
  return Statement(statement);
}

// Binds to the parameters in turn.
class Binder {
 public:
  explicit Binder(sqlite3_stmt* statement) : statement_(statement) {}
  void Text(std::string_view text) {
    sqlite3_bind_text64(statement_, ++at_, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
  void Integer(int64_t value) { sqlite3_bind_int64(statement_, ++at_, value); }
  void Real(double value) { sqlite3_bind_double(statement_, ++at_, value); }

 private:
  sqlite3_stmt* statement_;
  int at_ = 0;
};

std::string TextOf(sqlite3_stmt* row, int column) {
  const void* bytes = sqlite3_column_blob(row, column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes), static_cast<size_t>(sqlite3_column_bytes(row, column))};
}

}  // namespace

std::string_view JobStatusName(JobStatus status) {
  return kStatusNames[static_cast<size_t>(status)];
}

bool IsJobId(std::string_view name) {
  return name.size() == 32 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

JobStore::~JobStore() { sqlite3_close(db_); }

Error JobStore::Failure(const char* doing) const {
  const int code = sqlite3_errcode(db_);
  const ErrorCode kind = code == SQLITE_FULL ? ErrorCode::kResourceExhausted
                         : code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? ErrorCode::kCorrupt
                                                                           : ErrorCode::kIo;
  return {kind, fmt::format("job database: cannot {}: {}", doing, sqlite3_errmsg(db_))};
}

Status JobStore::Execute(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return OkStatus();
  return Failure("be set up");
}

Result<std::unique_ptr<JobStore>> JobStore::Open(const std::filesystem::path& file) {
  sqlite3* db = nullptr;
  const int code =
      sqlite3_open_v2(file.c_str(), &db,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW, nullptr);
  std::unique_ptr<JobStore> store(new JobStore(db));
  if (code != SQLITE_OK) {
    return Error{ErrorCode::kIo,
                 fmt::format("job database '{}': {}", file.string(), sqlite3_errstr(code))};
  }
  const auto named = [&](const Error& error) {
    return error.With(fmt::format("'{}'", file.string()));
  };
  sqlite3_busy_timeout(db, 5000);
  // NORMAL: a power cut may lose the last changes, never the database; a job that is unfinished
  // again is read again. The log is kept short.
  const Status ready = store->Execute(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=16;"
      "PRAGMA journal_size_limit=1048576; PRAGMA trusted_schema=OFF;");
  if (!ready.ok()) return named(ready.error());
  int schema = 0;
  if (const Statement version = Prepare(db, "PRAGMA user_version");
      version && sqlite3_step(version.get()) == SQLITE_ROW) {
    schema = sqlite3_column_int(version.get(), 0);
  }
  if (schema > kSchema) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("job database '{}': a newer version of this program made it "
                             "(choose another --data-dir)",
                             file.string())};
  }
  const Status made = store->Execute(
      "CREATE TABLE IF NOT EXISTS jobs(id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT "
      "NULL,"
      " request TEXT NOT NULL, status TEXT NOT NULL, number INTEGER NOT NULL,"
      " created_at REAL NOT NULL, started_at REAL NOT NULL, finished_at REAL NOT NULL,"
      " n_pages INTEGER NOT NULL, pages_done INTEGER NOT NULL, pages_failed INTEGER NOT NULL,"
      " stored_bytes INTEGER NOT NULL, error TEXT NOT NULL, warnings TEXT NOT NULL DEFAULT '[]')"
      " WITHOUT ROWID;");
  if (!made.ok()) return named(made.error());
  // Whole or not at all, whenever the process ends.
  const Status migrated = store->Execute(
      schema == 1 ? "BEGIN; ALTER TABLE jobs ADD COLUMN warnings TEXT NOT NULL DEFAULT '[]';"
                    "PRAGMA user_version=2; COMMIT;"
                  : "PRAGMA user_version=2;");
  if (!migrated.ok()) return named(migrated.error());
  return store;
}

// Numbers that arithmetic and JSON bear, times of some thousand years.
constexpr const char* kStrange =
    "typeof(id)<>'text' OR length(CAST(id AS BLOB))<>32 OR id GLOB '*[^0-9a-f]*'"
    " OR typeof(owner)<>'text' OR typeof(name)<>'text' OR typeof(request)<>'text'"
    " OR typeof(error)<>'text' OR typeof(warnings)<>'text'"
    " OR status NOT IN ('queued','running','succeeded','failed','cancelled','partial')"
    " OR typeof(number)<>'integer' OR number NOT BETWEEN 1 AND 9007199254740991"
    " OR typeof(created_at)<>'real' OR created_at NOT BETWEEN 0 AND 1e12"
    " OR typeof(started_at)<>'real' OR started_at NOT BETWEEN 0 AND 1e12"
    " OR typeof(finished_at)<>'real' OR finished_at NOT BETWEEN 0 AND 1e12"
    " OR typeof(n_pages)<>'integer' OR n_pages NOT BETWEEN -1 AND 1000000000"
    " OR typeof(pages_done)<>'integer' OR pages_done NOT BETWEEN 0 AND 1000000000"
    " OR typeof(pages_failed)<>'integer' OR pages_failed NOT BETWEEN 0 AND 1000000000"
    " OR typeof(stored_bytes)<>'integer' OR stored_bytes NOT BETWEEN 0 AND 9007199254740991";

Result<std::vector<Job>> JobStore::Load(int64_t* n_set_aside) {
  std::lock_guard lock(mutex_);
  const Statement strange =
      Prepare(db_, (std::string("SELECT count(*) FROM jobs WHERE ") + kStrange).c_str());
  if (!strange || sqlite3_step(strange.get()) != SQLITE_ROW) return Failure("be read");
  const int64_t n = sqlite3_column_int64(strange.get(), 0);
  if (n_set_aside != nullptr) *n_set_aside = n;
  if (n > 0) GLM_RETURN_IF_ERROR(Move(kStrange));
  const Statement rows =
      Prepare(db_,
              "SELECT id, owner, name, request, status, number, created_at, started_at,"
              " finished_at, n_pages, pages_done, pages_failed, stored_bytes, error, warnings"
              " FROM jobs ORDER BY number");
  if (!rows) return Failure("be read");
  std::vector<Job> jobs;
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(rows.get())) == SQLITE_ROW) {
    sqlite3_stmt* row = rows.get();
    jobs.push_back({.id = TextOf(row, 0),
                    .owner = TextOf(row, 1),
                    .name = TextOf(row, 2),
                    .request = TextOf(row, 3),
                    .status = StatusOf(TextOf(row, 4)),
                    .number = sqlite3_column_int64(row, 5),
                    .created_at = sqlite3_column_double(row, 6),
                    .started_at = sqlite3_column_double(row, 7),
                    .finished_at = sqlite3_column_double(row, 8),
                    .n_pages = sqlite3_column_int(row, 9),
                    .pages_done = sqlite3_column_int(row, 10),
                    .pages_failed = sqlite3_column_int(row, 11),
                    .stored_bytes = sqlite3_column_int64(row, 12),
                    .error = TextOf(row, 13),
                    .warnings = TextOf(row, 14)});
  }
  if (code != SQLITE_DONE) return Failure("be read");
  return jobs;
}

// Rows of jobs to set_aside, which has no types and no key. Whole or not at all.
Status JobStore::Move(const std::string& where) {
  const std::string sql =
      "BEGIN; CREATE TABLE IF NOT EXISTS set_aside AS SELECT * FROM jobs WHERE 0;"
      "INSERT INTO set_aside SELECT * FROM jobs WHERE " +
      where +
      ";"
      "DELETE FROM jobs WHERE " +
      where + "; COMMIT;";
  const Status moved = Execute(sql.c_str());
  if (!moved.ok()) sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  return moved;
}

Status JobStore::SetAside(const std::string& id) {
  std::lock_guard lock(mutex_);
  if (!IsJobId(id)) return Error{ErrorCode::kInvalidArgument, "job database: no such id"};
  return Move("id='" + id + "'");
}

Status JobStore::Save(const Job& job) {
  std::lock_guard lock(mutex_);
  const Statement statement =
      Prepare(db_, "INSERT OR REPLACE INTO jobs VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  if (!statement) return Failure("be written");
  Binder bind(statement.get());
  bind.Text(job.id);
  bind.Text(job.owner);
  bind.Text(job.name);
  bind.Text(job.request);
  bind.Text(JobStatusName(job.status));
  bind.Integer(job.number);
  bind.Real(job.created_at);
  bind.Real(job.started_at);
  bind.Real(job.finished_at);
  bind.Integer(job.n_pages);
  bind.Integer(job.pages_done);
  bind.Integer(job.pages_failed);
  bind.Integer(job.stored_bytes);
  bind.Text(job.error);
  bind.Text(job.warnings);
  return sqlite3_step(statement.get()) == SQLITE_DONE ? OkStatus() : Failure("be written");
}

Status JobStore::Delete(const std::string& id) {
  std::lock_guard lock(mutex_);
  const Statement statement = Prepare(db_, "DELETE FROM jobs WHERE id=?");
  if (!statement) return Failure("be written");
  Binder(statement.get()).Text(id);
  return sqlite3_step(statement.get()) == SQLITE_DONE ? OkStatus() : Failure("be written");
}

}  // namespace glmocr::server
