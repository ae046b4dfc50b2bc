// Documents written through the C++ interface, compared with what the program writes.
#include <algorithm>
#include <map>

#include "api/document_test_util.h"

namespace glmocr_test {
namespace {

using testing::ElementsAre;

std::map<std::string, std::string> FilesBelow(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).string();
    if (entry.is_regular_file() && name != "journal.jsonl") files[name] = FileBytes(entry.path());
  }
  return files;
}

class ApiFormat : public testing::TestWithParam<const char*> {};

TEST_P(ApiFormat, SinkAndFileGetWhatTheProgramPrints) {
  const std::string format = GetParam();
  const TempFolder folder;
  const std::string wanted = Parse("--pages 1-2 --to " + format + " " + kReport.string());
  ASSERT_GT(wanted.size(), 100u);
  std::string bytes;
  std::vector<int> told;
  Document document = Open(kReport, {.pages = "1-2"});
  const auto written =
      document.Write(format,
                     [&](std::string_view part) {
                       bytes += part;
                       return true;
                     },
                     {.on_page = [&](const glmocr::Page& page) { told.push_back(page.number); }});
  ASSERT_TRUE(written.ok()) << written.error().message;
  const bool timed = format == "json" || format == "jsonl";
  const auto same = [&](const std::string& a, const std::string& b) {
    return timed ? WithoutSeconds(a) == WithoutSeconds(b) : a == b;
  };
  EXPECT_TRUE(same(bytes, wanted))
      << format << " differs, " << bytes.size() << " bytes for " << wanted.size();
  EXPECT_EQ(written->pages, 2);
  EXPECT_EQ(written->pages_failed, 0);
  EXPECT_THAT(told, ElementsAre(1, 2));
  Document again = Open(kReport, {.pages = "1-2"});
  const auto file = again.Write(format, folder / "out");
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_TRUE(same(FileBytes(folder / "out"), wanted)) << format;
  EXPECT_THAT(file->files, ElementsAre(folder / "out"));
}

INSTANTIATE_TEST_SUITE_P(All, ApiFormat,
                         testing::Values("md", "sdk-json", "json", "text", "html", "hocr", "alto",
                                         "pdf", "jsonl"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(ApiDocumentWrite, TheTestsCoverEveryFormat) {
  std::vector<std::string> names;
  for (const glmocr::OutputFormat& format : glmocr::OutputFormats()) names.push_back(format.name);
  EXPECT_THAT(
      names, ElementsAre("md", "sdk-json", "json", "text", "html", "hocr", "alto", "pdf", "jsonl"));
}

TEST(ApiDocumentWrite, FolderIsAsTheProgramWritesIt) {
  const TempFolder folder;
  const fs::path page = kRoot / "samples/article.png";
  Parse(page.string() + " -o " + (folder / "cli").string() +
        " --to md,sdk-json,json,text,html,hocr,alto,pdf,jsonl --visualize");
  Document document = Open(page);
  const auto written = document.WriteFolder(
      {"md", "sdk-json", "json", "text", "html", "hocr", "alto", "pdf", "jsonl", "visualize"},
      folder / "api");
  ASSERT_TRUE(written.ok()) << written.error().message;
  const auto wanted = FilesBelow(folder / "cli"), got = FilesBelow(folder / "api");
  EXPECT_GE(wanted.size(), 11u);
  EXPECT_EQ(written->files.size(), got.size());
  for (const auto& [name, bytes] : wanted) {
    ASSERT_TRUE(got.contains(name)) << name;
    const bool timed = name.ends_with("_document.json") || name.ends_with(".jsonl");
    EXPECT_TRUE(timed ? WithoutSeconds(got.at(name)) == WithoutSeconds(bytes)
                      : got.at(name) == bytes)
        << name << " differs";
  }
  EXPECT_EQ(got.size(), wanted.size());
}

TEST(ApiDocumentWrite, OptionsAreThoseOfTheProgram) {
  const fs::path paper = kRoot / "samples/letter.pdf";
  const auto write = [&](const std::string& format, const glmocr::WriteOptions& options) {
    std::string bytes;
    Document document = Open(paper, {.pages = "1"});
    const auto written = document.Write(
        format,
        [&](std::string_view part) {
          bytes += part;
          return true;
        },
        options);
    EXPECT_TRUE(written.ok()) << written.error().message;
    return bytes;
  };
  const std::string file = " --pages 1 " + paper.string();
  EXPECT_EQ(write("md", {.strict = true}), Parse("--to md --compat strict" + file));
  EXPECT_EQ(write("text", {.page_furniture = true}), Parse("--to text --furniture" + file));
  EXPECT_TRUE(write("pdf", {.pdf_language = "de-CH"}) == Parse("--to pdf --language de-CH" + file));
  Document wrong = Open(paper);
  ExpectError(wrong.Write("pdf", paper.parent_path() / "no", {.pdf_language = "no such"}),
              kInvalidArgument, "language tag");
}

TEST(ApiDocumentWrite, ABrokenPageIsCounted) {
  const TempFolder folder;
  Document document = OpenBytes(BrokenPdf());
  std::vector<bool> failed;
  const auto written = document.Write(
      "md", folder / "out.md",
      {.on_page = [&](const glmocr::Page& page) { failed.push_back(page.error.has_value()); }});
  ASSERT_TRUE(written.ok()) << written.error().message;
  EXPECT_EQ(written->pages, 3);
  EXPECT_EQ(written->pages_failed, 1);
  EXPECT_THAT(failed, ElementsAre(false, true, false));
  EXPECT_THAT(FileBytes(folder / "out.md"), HasSubstr("number 3"));
  // Of nothing else nothing is written.
  Document nothing = OpenBytes(BrokenPdf(), {.pages = "2"});
  ExpectError(nothing.Write("md", folder / "none.md"), kCorrupt, "page 2");
  EXPECT_FALSE(fs::exists(folder / "none.md"));
}

TEST(ApiDocumentWrite, Errors) {
  const TempFolder folder;
  {
    Document document = OpenBytes(Pdf(2));
    ExpectError(document.Write("docx", folder / "x"), kInvalidArgument, "sdk-json");
    ExpectError(document.Write("visualize", folder / "x"), kInvalidArgument, "visualize");
    ExpectError(document.Write("md", folder / "no/such/x.md"), kNotFound, "no/such");
    ExpectError(document.WriteFolder({}, folder / "x"), kInvalidArgument, "no format");
    ExpectError(document.Write("md", Document::Sink()), kInvalidArgument, "sink");
    EXPECT_TRUE(fs::is_empty(folder.path()));
    // None of them has read a page.
    ASSERT_TRUE(document.Write("md", folder / "x.md").ok());
    ExpectError(document.NextPage(), kInvalidArgument, "open the document again");
    ExpectError(document.Write("md", folder / "x.md"), kInvalidArgument, "open it again");
  }
  Document begun = OpenBytes(Pdf(2));
  ASSERT_TRUE(begun.NextPage().ok());
  ExpectError(begun.Write("md", folder / "x.md"), kInvalidArgument, "open it again");
  Document refused = OpenBytes(Pdf(2));
  ExpectError(refused.Write("text", [](std::string_view) { return false; }), kCancelled, "sink");
}

}  // namespace
}  // namespace glmocr_test
