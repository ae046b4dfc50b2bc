// Documents through the C++ interface, as a program sees it: their pages, how they end, fork().
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "api/document_test_util.h"

namespace glmocr_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Clock = std::chrono::steady_clock;

// ---- Pages ----

TEST(ApiDocument, PagesComeInOrderWithWhatTheProgramReads) {
  int64_t regions_told = 0;
  std::vector<int> told;
  DocumentOptions options;
  options.on_progress = [&](const glmocr::DocumentProgress& progress) {
    EXPECT_EQ(progress.pages, 3);
    EXPECT_GE(progress.regions_done, regions_told);
    regions_told = progress.regions_done;
    if (told.empty() || told.back() != progress.pages_done) told.push_back(progress.pages_done);
  };
  Document document = Open(kReport, options);
  EXPECT_EQ(document.page_count(), 3);
  EXPECT_EQ(document.selected_count(), 3);
  const std::vector<glmocr::Page> pages = Rest(document);
  EXPECT_THAT(Numbers(pages), ElementsAre(1, 2, 3));
  EXPECT_EQ(Joined(pages), Parse(kReport.string()));
  EXPECT_EQ(told.back(), 3);
  int64_t n_regions = 0;
  size_t from_layer = 0;
  for (const glmocr::Page& page : pages) {
    EXPECT_FALSE(page.error);
    n_regions += static_cast<int64_t>(page.regions.size());
    for (const glmocr::Region& region : page.regions) {
      EXPECT_FALSE(region.label.empty());
      EXPECT_LE(region.box.x + region.box.width, page.width_px);
      EXPECT_LE(region.box.y + region.box.height, page.height_px);
      from_layer += region.source == glmocr::TextSource::kTextLayer ? 1 : 0;
    }
  }
  EXPECT_EQ(regions_told, n_regions);
  EXPECT_GT(from_layer, 10u) << "the report's own text is good";
  EXPECT_FALSE(document.NextPage().value()) << "asked again after the last page";
}

TEST(ApiDocument, TextLayerOffReadsAll) {
  Document document = Open(kReport, {.pages = "1", .text_layer = glmocr::TextLayer::kOff});
  const std::vector<glmocr::Page> pages = Rest(document);
  ASSERT_EQ(pages.size(), 1u);
  EXPECT_EQ(pages[0].text, Parse("--pages 1 --text-layer off " + kReport.string()));
  for (const glmocr::Region& region : pages[0].regions)
    EXPECT_EQ(region.source, glmocr::TextSource::kModel);
}

TEST(ApiDocument, PagesAreChosen) {
  Document document = Open(kReport, {.pages = "3,1"});
  EXPECT_EQ(document.page_count(), 3);
  EXPECT_EQ(document.selected_count(), 2);
  EXPECT_THAT(Numbers(Rest(document)), ElementsAre(3, 1));
  Document missing = Open(kReport, {.pages = "3-9"});
  EXPECT_THAT(Numbers(Rest(missing)), ElementsAre(3));
  ASSERT_EQ(missing.warnings().size(), 1u);
  EXPECT_EQ(missing.warnings()[0].kind, "pages_missing");
  EXPECT_EQ(missing.warnings()[0].page, 0);
  ExpectError(Starter().OpenDocument(kReport, {.pages = "9"}), kInvalidArgument, "report.pdf");
  ExpectError(Starter().OpenDocument(kReport, {.pages = "one"}), kInvalidArgument, "one");
}

TEST(ApiDocument, BytesAreAsTheFile) {
  Document file = Open(kReport, {.pages = "1"});
  Document bytes = OpenBytes(FileBytes(kReport), {.pages = "1"});
  EXPECT_EQ(Joined(Rest(file)), Joined(Rest(bytes)));
  const std::string neither = "neither";
  ExpectError(Starter().OpenDocument(std::as_bytes(std::span(neither)), "up.bin"), kUnsupported,
              "up.bin");
  ExpectError(Starter().OpenDocument(std::span<const std::byte>(), "up.bin"), kInvalidArgument,
              "up.bin");
}

TEST(ApiDocument, ReadsEveryPageOfATiff) {
  Document document = Open(kTiff);
  EXPECT_EQ(document.page_count(), 3);
  const std::vector<glmocr::Page> pages = Rest(document);
  EXPECT_THAT(Numbers(pages), ElementsAre(1, 2, 3));
  for (const glmocr::Page& page : pages) EXPECT_GT(page.width_px, 0);
}

TEST(ApiDocument, EncryptedPdfsNeedTheirPassword) {
  const fs::path secret = kRoot / "tests/golden/pdf/aes256.pdf";
  ExpectError(Starter().OpenDocument(secret), kInvalidArgument, "needs a password");
  ExpectError(Starter().OpenDocument(secret, {.password = "guess"}), kInvalidArgument,
              "does not open");
  Document document = Open(secret, {.password = "öffne dich"});
  EXPECT_THAT(Joined(Rest(document)), HasSubstr("Secret words"));
}

TEST(ApiDocument, ABrokenPageIsAPageWithAnError) {
  Document document = OpenBytes(BrokenPdf());
  const std::vector<glmocr::Page> pages = Rest(document);
  ASSERT_THAT(Numbers(pages), ElementsAre(1, 2, 3));
  EXPECT_THAT(pages[0].text, HasSubstr("number 1"));
  ASSERT_TRUE(pages[1].error);
  EXPECT_EQ(pages[1].error->code, kCorrupt);
  EXPECT_THAT(pages[1].error->message, HasSubstr("made.pdf"));
  EXPECT_THAT(pages[1].regions, IsEmpty());
  EXPECT_FALSE(pages[2].error);
  EXPECT_THAT(pages[2].text, HasSubstr("number 3"));
}

TEST(ApiDocument, WarningsAreOfTheirPages) {
  // Ink without letters.
  const std::string bars = "0 0 0 rg 40 20 150 3 re f 40 40 3 50 re f 100 40 3 50 re f\n";
  std::vector<glmocr::TestPage> pages = {
      {.content = glmocr::ShowText(20, 60, 18, "First"), .width_pt = 216, .height_pt = 108},
      {.content = bars, .width_pt = 216, .height_pt = 108}};
  Document document = OpenBytes(glmocr::PdfOfPages(pages));
  const std::vector<glmocr::Page> read = Rest(document);
  ASSERT_EQ(read.size(), 2u);
  EXPECT_THAT(read[0].warnings, IsEmpty());
  ASSERT_EQ(read[1].warnings.size(), 1u);
  EXPECT_EQ(read[1].warnings[0].page, 2);
  EXPECT_FALSE(read[1].warnings[0].message.empty());
  ASSERT_EQ(document.warnings().size(), 1u);
  EXPECT_EQ(document.warnings()[0].message, read[1].warnings[0].message);
}

// ---- Ends ----

TEST(ApiDocument, CancelFromAnotherThreadInTheMiddle) {
  Document document = OpenBytes(Pdf(200));
  ASSERT_TRUE(document.NextPage().ok());
  std::atomic<int64_t> cancelled_at = 0;
  std::jthread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    cancelled_at = Clock::now().time_since_epoch().count();
    document.Cancel();
  });
  int n = 1;
  glmocr::Result<std::optional<glmocr::Page>> page = std::optional<glmocr::Page>();
  while ((page = document.NextPage()).ok() && *page) ++n;
  const auto took = Clock::now().time_since_epoch() - Clock::duration(cancelled_at);
  ExpectError(page, kCancelled, "cancelled");
  EXPECT_LT(n, 200);
  EXPECT_LT(took, std::chrono::seconds(5));
  ExpectError(document.NextPage(), kCancelled, "cancelled");
}

TEST(ApiDocument, StopTokenEndsWriting) {
  const TempFolder folder;
  std::stop_source stop;
  Document document = OpenBytes(Pdf(50), {.stop = stop.get_token()});
  int n = 0;
  ExpectError(document.Write("md", folder / "out.md",
                             {.on_page =
                                  [&](const glmocr::Page&) {
                                    if (++n == 2) stop.request_stop();
                                  }}),
              kCancelled, "cancelled");
  EXPECT_LT(n, 10);
  EXPECT_TRUE(fs::is_empty(folder.path()));
  ExpectError(Starter().OpenDocument(kReport, {.stop = stop.get_token()}), kCancelled, "cancelled");
}

TEST(ApiDocument, ClosingAHalfReadDocumentLeavesTheModelWell) {
  for (int i = 0; i < 3; ++i) {
    Document document = OpenBytes(Pdf(20));
    ASSERT_TRUE(document.NextPage().ok());
  }
  Document unread = OpenBytes(Pdf(2));
  Document moved = std::move(unread);
  // NOLINTNEXTLINE(bugprone-use-after-move): what a moved-from document answers is the point
  ExpectError(unread.NextPage(), kInvalidArgument, "moved");
  EXPECT_THAT(Numbers(Rest(moved)), ElementsAre(1, 2));
}

TEST(ApiDocument, OutlivesItsModel) {
  std::optional<Document> document;
  {
    const glmocr::Model model = glmocr::Model::Load(kStarter).value();
    const std::string pdf = Pdf(2);
    document = model.OpenDocument(std::as_bytes(std::span(pdf)), "made.pdf").value();
  }
  EXPECT_THAT(Numbers(Rest(*document)), ElementsAre(1, 2));
}

TEST(ApiDocument, TwoDocumentsAtOnceOnOneModel) {
  const std::string alone = Parse(kReport.string());
  std::string one, other;
  {
    std::jthread first([&] {
      Document document = Open(kReport);
      one = Joined(Rest(document));
    });
    std::jthread second([&] {
      Document document = Open(kReport);
      other = Joined(Rest(document));
    });
  }
  EXPECT_EQ(one, alone);
  EXPECT_EQ(other, alone);
  // In turns, on one thread.
  Document a = OpenBytes(Pdf(3)), b = OpenBytes(Pdf(3));
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(a.NextPage().value().value().number, i);
    EXPECT_EQ(b.NextPage().value().value().number, i);
  }
}

TEST(ApiDocument, ExceptionOfACallbackComesOutAndEndsTheDocument) {
  DocumentOptions options;
  options.on_progress = [](const glmocr::DocumentProgress&) { throw std::runtime_error("mine"); };
  Document document = OpenBytes(Pdf(3), options);
  EXPECT_THROW((void)document.NextPage(), std::runtime_error);
  ExpectError(document.NextPage(), kCancelled, "cancelled");
  Document written = OpenBytes(Pdf(3));
  EXPECT_THROW((void)written.Write(
                   "text", [](std::string_view) -> bool { throw std::runtime_error("mine"); }),
               std::runtime_error);
  Document fine = OpenBytes(Pdf(1));
  EXPECT_EQ(Rest(fine).size(), 1u);
}

TEST(ApiDocument, ACallWithinACallIsRefused) {
  std::optional<Document> document;
  std::optional<glmocr::Error> inner;
  DocumentOptions options;
  options.on_progress = [&](const glmocr::DocumentProgress&) {
    const auto page = document->NextPage();
    if (!page.ok()) inner = page.error();
  };
  document = OpenBytes(Pdf(2), options);
  EXPECT_EQ(Rest(*document).size(), 2u);
  ASSERT_TRUE(inner);
  EXPECT_THAT(inner->message, HasSubstr("one thread at a time"));
}

TEST(ApiDocument, OptionsAreChecked) {
  const auto open = [](const DocumentOptions& options) {
    return Starter().OpenDocument(kReport, options);
  };
  ExpectError(open({.dpi = 5}), kInvalidArgument, "dpi");
  ExpectError(open({.page_timeout_s = 0}), kInvalidArgument, "seconds");
  ExpectError(open({.text_layer = static_cast<glmocr::TextLayer>(9)}), kInvalidArgument,
              "text_layer");
  ExpectError(open({.layout = static_cast<glmocr::Layout>(9)}), kInvalidArgument, "layout");
  ExpectError(open({.task = glmocr::Task::kTable}), kUnsupported, "task table");
  ExpectError(open({.generation = {.max_new_tokens = 0}}), kInvalidArgument, "max_new_tokens");
  ExpectError(open({.image = {.max_pixels = 0}}), kInvalidArgument, "max_pixels");
  ExpectError(Starter().OpenDocument("no/such.pdf"), kNotFound, "no/such.pdf");
  ExpectError(Starter().OpenDocument(kRoot), kInvalidArgument, "");
  ExpectError(Starter().OpenDocument("-"), kNotFound, "-");  // not standard input
}

TEST(ApiDocument, LayoutModelFindsTheRegions) {
  const fs::path network = kRoot / "tests/golden/layout/small";
  const auto model = glmocr::Model::Load(kStarter, {.layout_model = network});
  ASSERT_TRUE(model.ok()) << model.error().message;
  const auto text = [&](glmocr::Layout layout) {
    auto document = model->OpenDocument(kPage, {.layout = layout});
    return Joined(Rest(*document));
  };
  EXPECT_EQ(text(glmocr::Layout::kAuto),
            Parse("--layout-model " + network.string() + " " + kPage.string()));
  EXPECT_EQ(text(glmocr::Layout::kGeometric), Parse(kPage.string()));
  ExpectError(glmocr::Model::Load(kStarter, {.layout_model = kRoot / "no/such"}), kNotFound,
              "no/such");
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Resident memory now, or at most since it was last watched, in MiB.
double MemoryMib(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":")) return std::stod(line.substr(key.size() + 1)) / 1024;
  }
  return 0;
}
void WatchMemory() { std::ofstream("/proc/self/clear_refs") << 5; }

TEST(ApiDocument, MemoryDoesNotGrowWithThePages) {
  // 200 pages of 600 x 300 pixels are 103 MiB of pictures.
  const std::string pdf = Pdf(200);
  const TempFolder folder;
  Document warm = OpenBytes(Pdf(8));
  Rest(warm);
  Document warm_writer = OpenBytes(Pdf(8));
  ASSERT_TRUE(warm_writer.WriteFolder({"md", "pdf", "jsonl"}, folder / "warm").ok());
  const double before = MemoryMib("VmRSS");
  ASSERT_GT(before, 0);
  WatchMemory();
  Document document = OpenBytes(pdf);
  int n = 0;
  for (auto page = document.NextPage(); page.ok() && *page; page = document.NextPage()) ++n;
  EXPECT_EQ(n, 200);
  EXPECT_LT(MemoryMib("VmHWM") - before, 30) << "while pages were taken";
  WatchMemory();
  Document written = OpenBytes(pdf);
  ASSERT_TRUE(written.WriteFolder({"md", "pdf", "jsonl"}, folder / "out").ok());
  EXPECT_LT(MemoryMib("VmHWM") - before, 40) << "while the document was written";
}
#endif

// ---- fork() ----

TEST(ApiFork, TheChildGetsErrorsAtOnce) {
  Document document = OpenBytes(Pdf(20));
  ASSERT_TRUE(document.NextPage().ok());
  std::optional<glmocr::Model> model = glmocr::Model::Load(kStarter).value();
  std::optional<Document> half_read = OpenBytes(Pdf(20));
  ASSERT_TRUE(half_read->NextPage().ok());
  const glmocr::Image image = glmocr::Image::FromFile(kPage).value();
  const auto is_refused = [](const auto& result) {
    return !result.ok() && result.error().code == kUnsupported &&
           result.error().message.find("fork") != std::string::npos;
  };
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(20);  // a hang ends the child, and the test
    const auto begun = Clock::now();
    if (!is_refused(model->Read(image))) ::_exit(2);
    if (!is_refused(document.NextPage())) ::_exit(3);
    if (!is_refused(document.Write("md", fs::path("never")))) ::_exit(4);
    if (!is_refused(model->OpenDocument(kReport))) ::_exit(5);
    document.Cancel();
    if (document.page_count() != 20 || !model->info().reads_lines) ::_exit(6);
    half_read.reset();
    model.reset();
    if (Clock::now() - begun > std::chrono::seconds(1)) ::_exit(7);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  // The parent goes on.
  EXPECT_EQ(Rest(document).size(), 19u);
  EXPECT_EQ(Rest(*half_read).size(), 19u);
}

TEST(ApiFork, TheChildMayLoadItsOwnModel) {
  ASSERT_TRUE(Starter().Read(glmocr::Image::FromFile(kPage).value()).ok());
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(120);
    const auto own = glmocr::Model::Load(kStarter);
    if (!own.ok()) ::_exit(2);
    auto opened = own->OpenDocument(kPage);
    if (!opened.ok()) ::_exit(3);
    const auto page = opened->NextPage();
    ::_exit(page.ok() && *page && !(*page)->text.empty() ? 0 : 4);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace glmocr_test
