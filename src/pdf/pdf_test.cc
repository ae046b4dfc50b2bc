// PDFs through the real worker and the real PDFium, and false workers in its place.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <thread>

#include "base/file.h"
#include "pdf/locate.h"
#include "pdf/page_size.h"
#include "pdf/pdf_document.h"
#include "pdf/protocol.h"
#include "pdf/sandbox.h"
#include "pdf/test_pdf.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// 72 dpi: a pixel is a point.
PdfOptions OnePixelPerPoint() { return {.dpi = 72}; }

Result<std::unique_ptr<PdfDocument>> OpenText(const std::string& pdf, const PdfOptions& options) {
  return PdfDocument::OpenBytes(BytesOf(pdf), "test.pdf", options);
}

std::unique_ptr<PdfDocument> MustOpen(const std::string& pdf,
                                      const PdfOptions& options = OnePixelPerPoint()) {
  auto document = OpenText(pdf, options);
  if (!document.ok()) {
    ADD_FAILURE() << document.error().message;
    std::abort();  // nothing after this can work
  }
  return *std::move(document);
}

std::vector<std::string> Texts(const PdfTextLayer& layer) {
  std::vector<std::string> out;
  for (const PdfWord& word : layer.words) out.push_back(word.text);
  return out;
}

// Share of dark pixels in a box.
double Darkness(const Image& image, const Box& box) {
  int64_t dark = 0;
  for (int y = box.y; y < box.bottom(); ++y)
    for (int x = box.x; x < box.right(); ++x) dark += image.row(y)[3 * x] < 128 ? 1 : 0;
  return static_cast<double>(dark) / (static_cast<double>(box.width) * box.height);
}

// A folder that is gone after the test.
class PdfTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "glm-ocr-pdf-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  // A program in the worker's place.
  fs::path Script(const std::string& body) const {
    fs::path path = Write("worker.sh", "#!/bin/bash\n" + body);
    fs::permissions(path, fs::perms::owner_all);
    return path;
  }

  fs::path folder_;
};

TEST_F(PdfTest, PictureAndTextOfAPage) {
  const auto pdf = MustOpen(PdfOfPages(
      {{ShowText(20, 150, 24, "Hello printed world") + ShowText(20, 50, 12, "second line")}}));
  EXPECT_EQ(pdf->n_pages(), 1);
  const auto page = pdf->Read(0);
  ASSERT_TRUE(page.ok()) << page.error().message;
  EXPECT_EQ(page->width_pt, 300);
  EXPECT_EQ(page->height_pt, 200);
  EXPECT_EQ(page->image.width_px, 300);
  EXPECT_EQ(page->image.height_px, 200);
  EXPECT_THAT(Texts(page->text), ElementsAre("Hello", "printed", "world", "second", "line"));
  // Capitals of Helvetica reach 0.72 of the size above the baseline, at y = 200 - 150.
  const Box& hello = page->text.words[0].box_px;
  EXPECT_NEAR(hello.x, 20, 4);
  EXPECT_NEAR(hello.bottom(), 50, 2);
  EXPECT_NEAR(hello.height, 0.72 * 24, 3);
  EXPECT_GT(Darkness(page->image, hello), 0.1);
  EXPECT_EQ(Darkness(page->image, {0, 70, 300, 40}), 0);
  EXPECT_EQ(page->image.rgb[0], 255);
  EXPECT_LT(page->text.words[0].line, page->text.words[3].line);
  EXPECT_EQ(page->text.words[0].line, page->text.words[2].line);
  EXPECT_TRUE(page->text.good);
  EXPECT_GT(page->text.ink_covered_share, 0.95);
}

TEST_F(PdfTest, ColoursAreRgb) {
  const auto pdf =
      MustOpen(PdfOfPages({{"1 0 0 rg 0 0 300 100 re f 0 0 1 rg 0 100 300 100 re f"}}));
  const auto page = pdf->Read(0);
  ASSERT_TRUE(page.ok()) << page.error().message;
  const uint8_t* top = page->image.row(50) + 150;
  const uint8_t* bottom = page->image.row(150) + 150;
  EXPECT_THAT(std::vector<int>(top, top + 3), ElementsAre(0, 0, 255));
  EXPECT_THAT(std::vector<int>(bottom, bottom + 3), ElementsAre(255, 0, 0));
  EXPECT_TRUE(page->text.words.empty());
  EXPECT_FALSE(page->text.good);
}

TEST_F(PdfTest, RotationTurnsPictureAndBoxes) {
  // At the page's upper left; turned by 90 degrees clockwise, at the upper right.
  const std::string content = ShowText(10, 170, 20, "Turn");
  const auto pdf =
      MustOpen(PdfOfPages({{content, 300, 200, "/Rotate 90"}, {content, 300, 200, "/Rotate 180"}}));
  const auto page = pdf->Read(0);
  ASSERT_TRUE(page.ok()) << page.error().message;
  EXPECT_EQ(page->image.width_px, 200);
  EXPECT_EQ(page->image.height_px, 300);
  EXPECT_EQ(page->width_pt, 200);
  ASSERT_THAT(Texts(page->text), ElementsAre("Turn"));
  const Box& box = page->text.words[0].box_px;
  EXPECT_NEAR(box.x, 170, 3);
  EXPECT_NEAR(box.y, 10, 3);
  EXPECT_GT(box.height, box.width);
  EXPECT_GT(Darkness(page->image, box), 0.1);
  const auto upside_down = pdf->Read(1);
  ASSERT_TRUE(upside_down.ok());
  const Box& other = upside_down->text.words.at(0).box_px;
  EXPECT_NEAR(other.right(), 290, 3);
  EXPECT_NEAR(other.y, 170, 3);
}

TEST_F(PdfTest, FormFieldsAndAnnotationsAreDrawn) {
  // A text field and a square annotation, both with a black appearance.
  const std::string black =
      "<</Type/XObject/Subtype/Form/BBox[0 0 50 50]/Length 17>>stream\n0 g 0 0 50 50 re "
      "f\nendstream";
  const std::string pdf = PdfOfObjects(
      {"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>",
       "<</Type/Pages/Kids[3 0 R]/Count 1>>",
       "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Annots[4 0 R 5 0 R]>>",
       "<</Type/Annot/Subtype/Widget/FT/Tx/T(f)/V(x)/Rect[0 0 50 50]/F 4/P 3 0 R/AP<</N 6 0 R>>>>",
       "<</Type/Annot/Subtype/Square/Rect[100 0 150 50]/F 4/P 3 0 R/AP<</N 6 0 R>>>>", black});
  const auto document = MustOpen(pdf);
  const auto page = document->Read(0);
  ASSERT_TRUE(page.ok()) << page.error().message;
  EXPECT_GT(Darkness(page->image, {5, 55, 40, 40}), 0.5);
  EXPECT_GT(Darkness(page->image, {105, 55, 40, 40}), 0.9);
  EXPECT_EQ(Darkness(page->image, {55, 5, 40, 90}), 0);
}

TEST(PageSize, FollowsTheSdk) {
  const auto size = [](double w, double h, double dpi, int max) {
    const pdf::PixelSize s = pdf::SizeOfPage(w, h, dpi, max);
    return std::pair(s.width_px, s.height_px);
  };
  EXPECT_EQ(size(612, 792, 200, 3500), std::pair(1700, 2200));
  EXPECT_EQ(size(595.276, 841.89, 200, 3500), std::pair(1654, 2339));  // A4
  EXPECT_EQ(size(20000, 10000, 200, 3500), std::pair(8574, 4287));
  EXPECT_EQ(size(10000, 20000, 200, 3500), std::pair(4287, 8574));
  EXPECT_EQ(size(1260, 100, 200, 3500), std::pair(3500, 278));  // just not scaled down
  EXPECT_EQ(size(0.001, 0.001, 72, 3500), std::pair(1, 1));
  EXPECT_EQ(size(1e9, 1e-3, 200, 3500), std::pair(65000, 1));
  // A till roll keeps its resolution, a poster what the pixels allow, a page that only the wish for
  // more dots makes large nothing of it.
  EXPECT_EQ(size(226, 8000, 200, 3500), std::pair(628, 22223));
  EXPECT_EQ(size(2384, 3370, 200, 3500), std::pair(5099, 7208));
  EXPECT_EQ(size(595, 842, 600, 3500), std::pair(2474, 3500));
}

TEST_F(PdfTest, HugeAndTinyPages) {
  const auto pdf = MustOpen(
      PdfOfPages(
          {{ShowText(1000, 8000, 2000, "Big"), 20000, 10000}, {"", 3, 4}, {"", 14400, 14400}}),
      {.dpi = 200});
  const auto big = pdf->Read(0);
  ASSERT_TRUE(big.ok()) << big.error().message;
  // 3 x 3500 x 3500 pixels: twice as wide as high.
  EXPECT_EQ(big->image.width_px, 8574);
  EXPECT_EQ(big->image.height_px, 4287);
  EXPECT_THAT(Texts(big->text), ElementsAre("Big"));
  const auto tiny = pdf->Read(1);
  ASSERT_TRUE(tiny.ok()) << tiny.error().message;
  EXPECT_EQ(tiny->image.width_px, 9);
  EXPECT_EQ(tiny->image.height_px, 12);
  const auto square = pdf->Read(2);
  ASSERT_TRUE(square.ok()) << square.error().message;
  EXPECT_EQ(square->image.width_px, 6063);
}

TEST_F(PdfTest, Passwords) {
  const fs::path golden = fs::path(GLMOCR_SOURCE_DIR) / "tests/golden/pdf";
  for (const auto& [name, password] :
       {std::pair("rc4.pdf", "open sesame"), std::pair("aes256.pdf", "öffne dich")}) {
    PdfOptions options = OnePixelPerPoint();
    const auto without = PdfDocument::Open(golden / name, options);
    ASSERT_FALSE(without.ok());
    EXPECT_EQ(without.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(without.error().message, AllOf(HasSubstr(name), HasSubstr("needs a password"),
                                               HasSubstr("option --password")));
    options.password = "wrong";
    const auto wrong = PdfDocument::Open(golden / name, options);
    ASSERT_FALSE(wrong.ok());
    EXPECT_THAT(wrong.error().message, HasSubstr("the password does not open"));
    options.password = password;
    const auto right = PdfDocument::Open(golden / name, options);
    ASSERT_TRUE(right.ok()) << right.error().message;
    const auto page = (*right)->Read(0);
    ASSERT_TRUE(page.ok()) << page.error().message;
    EXPECT_THAT(Texts(page->text), ElementsAre("Secret", "words"));
  }
  const auto open = PdfDocument::Open(golden / "owner_only.pdf", OnePixelPerPoint());
  ASSERT_TRUE(open.ok()) << open.error().message;
  EXPECT_TRUE((*open)->Read(0).ok());
}

TEST_F(PdfTest, BadFiles) {
  const std::string good = PdfOfPages({{ShowText(10, 10, 10, "x")}});
  const auto message = [&](const std::string& bytes) {
    const auto result = OpenText(bytes, OnePixelPerPoint());
    return result.ok() ? "opened" : result.error().message;
  };
  EXPECT_THAT(message(""), AllOf(HasSubstr("test.pdf"), HasSubstr("empty")));
  EXPECT_THAT(message("%PDF-1.7\n"), HasSubstr("not a PDF, or too damaged"));
  EXPECT_THAT(message(std::string(100000, 'x')), HasSubstr("not a PDF"));
  EXPECT_THAT(message(good.substr(0, 60)), HasSubstr("too damaged"));
  EXPECT_THAT(message(PdfOfPages({})), HasSubstr("has no pages"));
  const auto missing = PdfDocument::Open(folder_ / "missing.pdf", {});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("missing.pdf"));
  const auto folder = PdfDocument::Open(folder_, {});
  ASSERT_FALSE(folder.ok());
  EXPECT_THAT(folder.error().message, HasSubstr("not a regular file"));
  // The cross-reference table is wrong: PDFium finds the objects by searching.
  EXPECT_EQ(message(good.substr(0, good.find("startxref")) + "startxref\n3\n%%EOF\n"), "opened");
}

TEST_F(PdfTest, BadOptions) {
  const std::string good = PdfOfPages({{""}});
  for (const PdfOptions& bad :
       {PdfOptions{.dpi = 0}, PdfOptions{.dpi = NAN}, PdfOptions{.max_side_px = 30000},
        PdfOptions{.password = std::string(2000, 'x')}, PdfOptions{.page_timeout_s = -1},
        PdfOptions{.max_pages = 0}}) {
    const auto result = OpenText(good, bad);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST_F(PdfTest, BadPages) {
  const auto pdf = MustOpen(PdfOfPages({{""}, {""}}));
  for (const int index : {-1, 2, 1 << 30}) {
    const auto page = pdf->Read(index);
    ASSERT_FALSE(page.ok());
    EXPECT_THAT(page.error().message, AllOf(HasSubstr("test.pdf"), HasSubstr("there is no page")));
  }
  EXPECT_TRUE(pdf->Read(1).ok());
}

// Trees that name themselves, or promise more than there is. Whatever comes of them, it comes soon
// and the program goes on.
TEST_F(PdfTest, HostilePageTrees) {
  const std::string catalog = "<</Type/Catalog/Pages 2 0 R>>";
  const std::string page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 50 50]>>";
  const std::vector<std::string> hostile = {
      PdfOfObjects({catalog, "<</Type/Pages/Kids[2 0 R]/Count 1>>"}),
      PdfOfObjects({catalog, "<</Type/Pages/Kids[2 0 R 3 0 R 2 0 R]/Count 3>>", page}),
      PdfOfObjects({catalog, "<</Type/Pages/Kids[3 0 R]/Count 2>>",
                    "<</Type/Pages/Parent 2 0 R/Kids[2 0 R]/Count 2>>"}),
      PdfOfObjects({catalog, "<</Type/Pages/Kids[3 0 R]/Count 1000000>>", page}),
      PdfOfObjects({catalog, "<</Type/Pages/Kids[3 0 R]/Count 2147483647>>", page}),
      PdfOfObjects({catalog, "<</Type/Pages/Kids[3 0 R]/Count -5>>", page}),
      PdfOfObjects({"<</Type/Catalog/Pages 1 0 R>>"}),
  };
  for (size_t i = 0; i < hostile.size(); ++i) {
    SCOPED_TRACE(i);
    const auto start = std::chrono::steady_clock::now();
    const auto pdf = OpenText(hostile[i], OnePixelPerPoint());
    if (pdf.ok()) {
      EXPECT_LE((*pdf)->n_pages(), 100'000);
      for (const int index : {0, (*pdf)->n_pages() - 1}) {
        const auto read = (*pdf)->Read(index, -1);
        if (!read.ok()) {
          EXPECT_THAT(read.error().message, HasSubstr("test.pdf': page"));
        }
      }
    } else {
      EXPECT_THAT(pdf.error().message, HasSubstr("test.pdf"));
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  }
}

TEST_F(PdfTest, TooManyPages) {
  PdfOptions options = OnePixelPerPoint();
  options.max_pages = 2;
  const auto pdf = OpenText(PdfOfPages({{""}, {""}, {""}}), options);
  ASSERT_FALSE(pdf.ok());
  EXPECT_EQ(pdf.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(pdf.error().message, HasSubstr("3 pages; the limit is 2"));
}

// A form that draws itself: once is cut short by PDFium, twice multiplies until a limit ends it.
// Then the page is lost, not the next one.
TEST_F(PdfTest, RecursiveContent) {
  for (const char* content : {"/X Do", "/X Do /X Do"}) {
    SCOPED_TRACE(content);
    const auto pdf = MustOpen(
        PdfOfObjects({"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R 6 0 R]/Count 2>>",
                      ("<</Type/Page/Parent 2 0 R/MediaBox[0 0 50 50]/Contents 5 0 R"
                       "/Resources<</XObject<</X 4 0 R>>>>>>"),
                      fmt::format("<</Type/XObject/Subtype/Form/BBox[0 0 50 50]/Resources<<"
                                  "/XObject<</X 4 0 R>>>>/Length {}>>stream\n{}\nendstream",
                                  std::strlen(content), content),
                      PdfStream(content), "<</Type/Page/Parent 2 0 R/MediaBox[0 0 50 50]>>"}),
        {.dpi = 72, .page_timeout_s = 10, .max_memory_bytes = uint64_t{256} << 20});
    const auto page = pdf->Read(0);
    if (!page.ok()) {
      EXPECT_THAT(page.error().message, HasSubstr("test.pdf': page 1 of 2"));
    }
    EXPECT_TRUE(pdf->Read(1).ok());
  }
}

TEST_F(PdfTest, ReadsInAnyOrder) {
  std::vector<TestPage> pages;
  pages.reserve(6);
  for (int i = 0; i < 6; ++i) pages.push_back({ShowText(10, 100, 20, "page" + std::to_string(i))});
  const auto pdf = MustOpen(PdfOfPages(pages));
  for (const auto& [index, next] :
       {std::pair(0, 1), {1, 5}, {5, 2}, {3, 3}, {3, -1}, {0, 99}, {4, 5}}) {
    const auto page = pdf->Read(index, next);
    ASSERT_TRUE(page.ok()) << page.error().message;
    EXPECT_THAT(Texts(page->text), ElementsAre("page" + std::to_string(index)));
  }
}

TEST_F(PdfTest, AWorkerThatDiesCostsNoPage) {
  const auto pdf = MustOpen(PdfOfPages({{""}, {""}, {""}}));
  ASSERT_TRUE(pdf->Read(0, -1).ok());
  const pid_t first = pdf->worker_pid();
  ASSERT_GT(first, 0);
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  // It had read a page before, so the next is tried in a new one.
  const auto page = pdf->Read(1, -1);
  ASSERT_TRUE(page.ok()) << page.error().message;
  EXPECT_NE(pdf->worker_pid(), first);
  EXPECT_TRUE(pdf->Read(2).ok());
}

// A worker that is ended by somebody else says nothing about the file.
TEST_F(PdfTest, KilledWorkerOfTheFirstPageIsReplaced) {
  for (const int signal : {SIGKILL, SIGTERM}) {
    const auto pdf = MustOpen(PdfOfPages({{""}, {""}}));
    const pid_t first = pdf->worker_pid();
    ASSERT_EQ(::kill(first, signal), 0);
    const auto page = pdf->Read(0);
    ASSERT_TRUE(page.ok()) << page.error().message;
    EXPECT_NE(pdf->worker_pid(), first);
  }
}

TEST_F(PdfTest, KilledWorkerTwiceCostsThePageAndDoesNotBlameTheFile) {
  PdfOptions options = OnePixelPerPoint();
  const fs::path started = folder_ / "started";
  options.worker = Script("echo >>" + started.string() + "\nkill -KILL $$\n");
  const auto pdf = OpenText(PdfOfPages({{""}}), options);
  ASSERT_FALSE(pdf.ok());
  EXPECT_THAT(pdf.error().message, AllOf(HasSubstr("was killed by signal 9"),
                                         Not(HasSubstr("hostile")), Not(HasSubstr("damaged"))));
  EXPECT_EQ(fs::file_size(started), 2u);  // a line each
}

// PDFium's own choice of a font that the PDF names and does not hold, through a confined worker.
TEST_F(PdfTest, FontsOfTheSystemAreFound) {
  const fs::path font = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";
  if (!fs::exists(font)) GTEST_SKIP() << "no font to look for";
  const auto ink = [&](const char* name) {
    const auto pdf = MustOpen(
        PdfOfObjects(
            {"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
             "<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 60]/Contents 4 0 R"
             "/Resources<</Font<</F1 5 0 R>>>>>>",
             PdfStream("BT /F1 40 Tf 5 15 Td (WWii\\247) Tj ET"),
             fmt::format("<</Type/Font/Subtype/TrueType/BaseFont/{}/Encoding/WinAnsiEncoding>>",
                         name)}),
        {.dpi = 72});
    const auto page = pdf->Read(0);
    EXPECT_TRUE(page.ok());
    return page.ok() ? page->image.rgb : decltype(page->image.rgb)();
  };
  EXPECT_FALSE(ink("DejaVuSansBook") == ink("NoSuchFontAnywhere"));
}

TEST_F(PdfTest, NoWorkerIsLeftBehind) {
  pid_t pid = -1;
  {
    const auto pdf = MustOpen(PdfOfPages({{""}, {""}}));
    ASSERT_TRUE(pdf->Read(0).ok());
    pid = pdf->worker_pid();
    ASSERT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(::waitpid(pid, nullptr, 0), -1);
}

// The worker's own limits, as the kernel tells them.
TEST_F(PdfTest, WorkerIsLimited) {
  const auto pdf = MustOpen(PdfOfPages({{""}}));
  const fs::path proc = fs::path("/proc") / std::to_string(pdf->worker_pid());
  std::ifstream file(proc / "limits");
  const std::string limits((std::istreambuf_iterator<char>(file)), {});
  const auto soft = [&](const std::string& name) {
    const size_t at = limits.find(name);
    std::string value = "missing";
    if (at != std::string::npos) std::istringstream(limits.substr(at + name.size())) >> value;
    return value;
  };
  EXPECT_EQ(soft("Max file size"), "0");
  EXPECT_EQ(soft("Max core file size"), "0");
  EXPECT_EQ(soft("Max open files"), "64");
  if (glmocr::pdf::kLimitsMemory) {
    EXPECT_EQ(soft("Max address space"), std::to_string(uint64_t{2} << 30));
  }
  EXPECT_NE(soft("Max cpu time"), "unlimited");
  std::ifstream status(proc / "status");
  const std::string text((std::istreambuf_iterator<char>(status)), {});
  EXPECT_THAT(text, HasSubstr("NoNewPrivs:\t1"));
  if (fs::exists("/proc/sys/kernel/seccomp/actions_avail")) {
    EXPECT_THAT(text, HasSubstr("Seccomp:\t2"));
  }
}

TEST_F(PdfTest, MemoryLimitEndsTheWorkerOnly) {
  // 2400 dpi of a 600 x 600 pt page: 20,000 pixels a side, 1.6 GB of them in the worker.
  PdfOptions options{.dpi = 2400, .max_side_px = 20000, .max_memory_bytes = uint64_t{512} << 20};
  const auto pdf = MustOpen(PdfOfPages({{"", 600, 600}, {"", 10, 10}}), options);
  const auto big = pdf->Read(0);
  if (glmocr::pdf::kLimitsMemory) {
    ASSERT_FALSE(big.ok());
    EXPECT_THAT(big.error().message,
                AllOf(HasSubstr("test.pdf': page 1 of 2"), HasSubstr("memory")));
  }
  EXPECT_TRUE(pdf->Read(1).ok());
}

TEST_F(PdfTest, MissingLibraryAndWorker) {
  const std::string good = PdfOfPages({{""}});
  PdfOptions options;
  options.pdfium = (folder_ / "nothing.so").string();
  const auto no_library = OpenText(good, options);
  ASSERT_FALSE(no_library.ok());
  EXPECT_EQ(no_library.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(no_library.error().message,
              AllOf(HasSubstr("test.pdf"), HasSubstr("libpdfium.so"), HasSubstr("GLMOCR_PDFIUM")));
  options = {};
  options.worker = folder_ / "nothing";
  const auto no_worker = OpenText(good, options);
  ASSERT_FALSE(no_worker.ok());
  EXPECT_THAT(no_worker.error().message, HasSubstr("cannot start the worker"));
}

TEST_F(PdfTest, FalseWorkerThatHangs) {
  PdfOptions options = OnePixelPerPoint();
  options.page_timeout_s = 0.3;
  options.worker = Script("exec sleep 60\n");
  const auto start = std::chrono::steady_clock::now();
  const auto pdf = OpenText(PdfOfPages({{""}}), options);
  ASSERT_FALSE(pdf.ok());
  EXPECT_EQ(pdf.error().code, ErrorCode::kCancelled);
  EXPECT_THAT(pdf.error().message, HasSubstr("took longer than the limit of 0.3 seconds"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST_F(PdfTest, FalseWorkerThatEnds) {
  PdfOptions options = OnePixelPerPoint();
  options.worker = Script("exit 7\n");
  const auto ends = OpenText(PdfOfPages({{""}}), options);
  ASSERT_FALSE(ends.ok());
  EXPECT_THAT(ends.error().message, HasSubstr("ended with status 7"));
  options.worker = Script("kill -SEGV $$\n");
  const auto dies = OpenText(PdfOfPages({{""}}), options);
  ASSERT_FALSE(dies.ok());
  EXPECT_THAT(dies.error().message, HasSubstr("was killed by signal 11"));
}

// Bytes as `printf` writes them.
std::string Escaped(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return out;
}
template <typename... T>
std::string Packed(const T&... values) {
  std::string out;
  (out.append(reinterpret_cast<const char*>(&values), sizeof(values)), ...);
  return out;
}
pdf::ReplyHeader Says(pdf::ReplyType type) {
  return {pdf::kReplyMagic, static_cast<uint32_t>(type)};
}

TEST_F(PdfTest, FalseWorkerThatLies) {
  const std::string opened = Packed(Says(pdf::ReplyType::kOpened), pdf::Opened{.n_pages = 3});
  const auto page = [&](const pdf::PageHeader& header) {
    return opened + Packed(Says(pdf::ReplyType::kPage), header);
  };
  PdfOptions options = OnePixelPerPoint();
  options.page_timeout_s = 5;
  const std::string good = PdfOfPages({{""}});
  for (const auto& [sent, why] : std::vector<std::pair<std::string, std::string>>{
           {opened + "no reply at all", "not a reply"},
           {opened + Packed(Says(static_cast<pdf::ReplyType>(9))), "unknown kind"},
           {page({.width_px = 70000, .height_px = 10, .width_pt = 1, .height_pt = 1}),
            "impossible size"},
           {page({.width_px = -1, .height_px = 10, .width_pt = 1, .height_pt = 1}),
            "impossible size"},
           {page({.width_px = 10, .height_px = 0, .width_pt = 1, .height_pt = 1}),
            "impossible size"},
           {page({.width_px = 1, .height_px = 1, .width_pt = NAN, .height_pt = 1}),
            "impossible size"},
           {page({.width_px = 1, .height_px = 1, .n_chars = ~0u, .width_pt = 1, .height_pt = 1}),
            "too many"},
           {page({.index = 2, .width_px = 1, .height_px = 1, .width_pt = 1, .height_pt = 1}) +
                "rgb",
            "another reply"},
           {page({.width_px = 9, .height_px = 9, .width_pt = 1, .height_pt = 1}) + "cut",
            "the PDF reader"},
           {opened + Packed(Says(pdf::ReplyType::kFailed), pdf::Failed{77}), "without a reason"},
           {opened + opened, "another reply"}}) {
    SCOPED_TRACE(why);
    options.worker = Script("printf '" + Escaped(sent) + "' >&3\nread -u 3 -N 60 -t 3\nexit 0\n");
    const auto pdf = OpenText(good, options);
    ASSERT_TRUE(pdf.ok()) << pdf.error().message;
    const auto read = (*pdf)->Read(0, -1);
    ASSERT_FALSE(read.ok());
    EXPECT_THAT(read.error().message, AllOf(HasSubstr("test.pdf': page 1 of 3"), HasSubstr(why)));
  }
}

// A worker that hangs on the second page does not cost the third.
TEST_F(PdfTest, HangingPageDoesNotLoseOthers) {
  // Answers "3 pages", then pages 1 and 3, never page 2: the requested index is byte 8 of a
  // request.
  const std::string reply = Packed(Says(pdf::ReplyType::kPage));
  const std::string rest =
      Packed(pdf::PageHeader{.width_px = 1, .height_px = 1, .width_pt = 1, .height_pt = 1})
          .substr(4) +
      "rgb";
  PdfOptions options = OnePixelPerPoint();
  options.page_timeout_s = 1;
  options.worker = Script(
      "exec 2>/dev/null\n"
      "head -c 8 <&3 >/dev/null\n"
      "printf '" +
      Escaped(Packed(Says(pdf::ReplyType::kOpened), pdf::Opened{.n_pages = 3})) +
      "' >&3\n"
      "while true; do\n"
      "  head=$(dd bs=1 count=32 <&3 2>/dev/null | od -An -tu1 -j8 -N1 | tr -d ' ')\n"
      "  [ -z \"$head\" ] && exit 0\n"
      "  [ \"$head\" = 1 ] && exec sleep 60\n"
      "  printf '" +
      Escaped(reply) +
      "' >&3; printf \"\\\\x$(printf %02x $head)\\\\x00\\\\x00\\\\x00\" >&3; printf '" +
      Escaped(rest) +
      "' >&3\n"
      "done\n");
  // No environment: the script's tools are found in the shell's own default path.
  const auto pdf = OpenText(PdfOfPages({{""}}), options);
  ASSERT_TRUE(pdf.ok()) << pdf.error().message;
  const auto first = (*pdf)->Read(0);
  ASSERT_TRUE(first.ok()) << first.error().message;
  const auto hung = (*pdf)->Read(1);
  ASSERT_FALSE(hung.ok());
  EXPECT_EQ(hung.error().code, ErrorCode::kCancelled);
  EXPECT_THAT(hung.error().message,
              HasSubstr("page 2 of 3: took longer than the limit of 1 seconds"));
  const auto third = (*pdf)->Read(2);
  EXPECT_TRUE(third.ok()) << third.error().message;
}

// A worker that dies on every page is not started for each page of a long document.
TEST_F(PdfTest, GivesUpOnAFileThatKillsEveryWorker) {
  PdfOptions options = OnePixelPerPoint();
  const fs::path log = folder_ / "log";
  options.worker =
      Script("echo x >> " + log.string() + "\nprintf '" +
             Escaped(Packed(Says(pdf::ReplyType::kOpened), pdf::Opened{.n_pages = 1000})) +
             "' >&3\nhead -c 40 <&3 >/dev/null\nexit 0\n");
  const auto pdf = OpenText(PdfOfPages({{""}}), options);
  ASSERT_TRUE(pdf.ok()) << pdf.error().message;
  for (int i = 0; i < 20; ++i) {
    const auto page = (*pdf)->Read(i);
    ASSERT_FALSE(page.ok());
    EXPECT_THAT(page.error().message, HasSubstr("the PDF reader ended with status 0"));
  }
  for (int i = 20; i < 1000; ++i) {
    const auto page = (*pdf)->Read(i);
    ASSERT_FALSE(page.ok());
    ASSERT_THAT(page.error().message, HasSubstr("of 1000: not tried"));
  }
  EXPECT_EQ(fs::file_size(log), 2 * 20u);
}

TEST_F(PdfTest, OpensManyAtOnce) {
  const std::string text = PdfOfPages({{ShowText(10, 100, 20, "words")}, {""}});
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::atomic<int> read{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 3; ++i) {
        const auto pdf = OpenText(text, OnePixelPerPoint());
        if (pdf.ok() && (*pdf)->Read(0).ok() && (*pdf)->Read(1).ok()) ++read;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(read, 12);
}

int64_t ResidentKb() {
  std::ifstream file("/proc/self/statm");
  int64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE) / 1024;
}

// `megabytes` of `unit`, deflated as often as `times` says.
std::string Deflated(const std::string& unit, int megabytes, int times) {
  const auto deflate_all = [](const std::function<std::string(int)>& chunk, int n) {
    z_stream stream{};
    EXPECT_EQ(deflateInit(&stream, 1), Z_OK);
    std::string out;
    std::vector<unsigned char> buffer(1 << 16);
    for (int i = 0; i < n; ++i) {
      std::string in = chunk(i);
      stream.next_in = reinterpret_cast<unsigned char*>(in.data());
      stream.avail_in = static_cast<unsigned>(in.size());
      do {
        stream.next_out = buffer.data();
        stream.avail_out = static_cast<unsigned>(buffer.size());
        deflate(&stream, i + 1 == n ? Z_FINISH : Z_NO_FLUSH);
        out.append(reinterpret_cast<char*>(buffer.data()), buffer.size() - stream.avail_out);
      } while (stream.avail_out == 0);
    }
    deflateEnd(&stream);
    return out;
  };
  std::string megabyte;
  while (megabyte.size() < 1 << 20) megabyte += unit;
  std::string out = deflate_all([&](int) { return megabyte; }, megabytes);
  for (int i = 1; i < times; ++i) out = deflate_all([&](int) { return out; }, 1);
  return out;
}

// Files that inflate without end or refer to themselves cost a page, or the document, in time and
// within the worker's memory; this process grows by no more than a picture.
TEST_F(PdfTest, ZipPdf) {
  const auto stream = [](const std::string& entries, const std::string& bytes) {
    return fmt::format("<<{}/Length {}>>stream\n{}\nendstream", entries, bytes.size(), bytes);
  };
  const auto page = [&](const std::string& content, const std::string& xobject = "<<>>") {
    const std::string first =
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources"
        "<</XObject<</X 5 0 R>>>>>>";
    return PdfOfObjects({"<</Type/Catalog/Pages 2 0 R>>",
                         "<</Type/Pages/Kids[3 0 R 6 0 R]/Count 2>>", first, content, xobject,
                         "<</Type/Page/Parent 2 0 R/MediaBox[0 0 50 50]>>"});
  };
  const std::string draw = PdfStream("200 0 0 200 0 0 cm /X Do");
  const std::string twice = "/Filter[/FlateDecode/FlateDecode]";
  const std::map<std::string, std::string> files = {
      {"operators without end",
       page(stream(twice, Deflated("q Q 1 0 0 rg 0 0 9 9 re f ", 700, 2)))},
      {"blanks without end", page(stream("/Filter/FlateDecode", Deflated(" ", 700, 1)))},
      {"a string without end", page(stream(twice, Deflated("(", 700, 2)))},
      {"a picture of 60,000 x 60,000",
       page(draw, stream("/Type/XObject/Subtype/Image/Width 60000/Height 60000/BitsPerComponent "
                         "8/ColorSpace/DeviceRGB" +
                             twice,
                         Deflated(std::string(1024, '\0'), 700, 2)))},
      {"a form that draws itself",
       page(draw, stream("/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 5 0 "
                         "R>>>>",
                         "/X Do /X Do"))},
      {"pages that hold themselves",
       PdfOfObjects({"<</Type/Catalog/Pages 2 0 R>>",
                     "<</Type/Pages/Kids[2 0 R 2 0 R 2 0 R]/Count 1000000>>"})},
      {"a length that is itself", page("<</Length 4 0 R>>stream\nq Q\nendstream")},
      {"tables that go back to themselves",
       [&] {
         std::string pdf = PdfOfPages({{""}, {""}});
         const size_t at = pdf.rfind("\nxref\n") + 1;
         const size_t root = pdf.rfind("/Root 1 0 R");
         return pdf.insert(root, fmt::format("/Prev {}/XRefStm {} ", at, at));
       }()},
  };
  PdfOptions options{.dpi = 72, .page_timeout_s = 3, .max_memory_bytes = uint64_t{512} << 20};
  for (const auto& [what, bytes] : files) {
    SCOPED_TRACE(what);
    const int64_t before_kb = ResidentKb();
    const auto start = std::chrono::steady_clock::now();
    const auto pdf = OpenText(bytes, options);
    if (pdf.ok()) {
      (void)(*pdf)->Read(0, -1);
      // The page after it is none the worse.
      if ((*pdf)->n_pages() == 2) {
        const auto second = (*pdf)->Read(1, -1);
        EXPECT_TRUE(second.ok()) << second.error().message;
      }
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    EXPECT_LT(took.count(), 15);
    if (glmocr::pdf::kLimitsMemory) {
      EXPECT_LT(ResidentKb() - before_kb, 64 * 1024);
    }
  }
  EXPECT_TRUE(MustOpen(PdfOfPages({{""}}))->Read(0).ok());
}

TEST_F(PdfTest, MemoryStaysFlatOver300Pages) {
  std::vector<TestPage> pages;
  pages.reserve(300);
  for (int i = 0; i < 300; ++i)
    pages.push_back({ShowText(20, 100, 20, "page number " + std::to_string(i)), 400, 500});
  const auto pdf = PdfDocument::Open(Write("long.pdf", PdfOfPages(pages)), {.dpi = 100});
  ASSERT_TRUE(pdf.ok()) << pdf.error().message;
  ASSERT_EQ((*pdf)->n_pages(), 300);
  int64_t after_20 = 0;
  for (int i = 0; i < 300; ++i) {
    const auto page = (*pdf)->Read(i);
    ASSERT_TRUE(page.ok()) << page.error().message;
    ASSERT_EQ(page->text.words.back().text, std::to_string(i));
    if (i == 20) after_20 = ResidentKb();
  }
  // A page's picture is 1.2 MB. Sanitizers keep freed memory for a while.
  if (glmocr::pdf::kLimitsMemory) {
    EXPECT_LT(ResidentKb() - after_20, 10 * 1024);
  }
}

TEST_F(PdfTest, MagicBytes) {
  EXPECT_TRUE(LooksLikePdf(BytesOf("%PDF-1.4")));
  EXPECT_TRUE(LooksLikePdf(BytesOf(std::string(1019, ' ') + "%PDF-1.4")));
  EXPECT_FALSE(LooksLikePdf(BytesOf(std::string(1020, ' ') + "%PDF-1.4")));
  EXPECT_FALSE(LooksLikePdf(BytesOf("\x89PNG")));
  EXPECT_FALSE(LooksLikePdf({}));
}

}  // namespace
}  // namespace glmocr
