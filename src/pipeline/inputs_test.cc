#include "pipeline/inputs.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "pdf/test_pdf.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// A picture of 2 x 1 pixels: red, blue.
constexpr std::string_view kPpm = "P3\n2 1\n255\n255 0 0  0 0 255\n";

class InputsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "glm-ocr-inputs-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Write(const std::string& name, std::string_view bytes = "x") const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return (folder_ / name).string();
  }
  // Names below the test's folder, "!" before those with an error.
  std::vector<std::string> Expand(const std::vector<std::string>& names) const {
    std::vector<std::string> out;
    const auto inputs = ExpandInputs(names);
    if (!inputs.ok()) return {inputs.error().message};
    const std::string prefix = folder_.string() + "/";
    for (const DocumentInput& input : *inputs) {
      const bool below = input.name.starts_with(prefix);
      out.push_back((input.error ? "!" : "") +
                    (below ? input.name.substr(prefix.size()) : input.name));
    }
    return out;
  }
  std::string MessageOf(const std::string& name) const {
    const auto inputs = ExpandInputs({name});
    if (!inputs.ok()) return inputs.error().message;
    const auto document = OpenDocument(inputs->at(0), {});
    return document.ok() ? "opened" : document.error().message;
  }

  fs::path folder_;
};

TEST_F(InputsTest, FoldersInNaturalOrder) {
  for (const char* name :
       {"p10.png", "p2.PNG", "p1.png", "b/2.pdf", "b/1.tiff", "b/c/0.jpg", "b2.webp", ".hidden.png",
        ".git/x.png", "notes.txt", "B3.heic", "p02.jpg"})
    Write(name);
  EXPECT_THAT(Expand({folder_.string()}),
              ElementsAre("b/1.tiff", "b/2.pdf", "b/c/0.jpg", "b2.webp", "B3.heic", "p1.png",
                          "p02.jpg", "p2.PNG", "p10.png"));
}

TEST_F(InputsTest, NaturalOrderOfLongNumbers) {
  for (const char* name : {"9.png", "10.png", "00000000000000000000000000011.png",
                           "99999999999999999999999999.png", "100000000000000000000000000.png"})
    Write(name);
  EXPECT_THAT(Expand({folder_.string()}),
              ElementsAre("9.png", "10.png", "00000000000000000000000000011.png",
                          "99999999999999999999999999.png", "100000000000000000000000000.png"));
}

TEST_F(InputsTest, FoldersWithoutLoops) {
  Write("a/1.png");
  fs::create_directory_symlink(folder_, folder_ / "a/loop");
  fs::create_symlink(folder_ / "a/1.png", folder_ / "link.png");
  fs::create_symlink(folder_ / "nowhere.png", folder_ / "dangling.png");
  ASSERT_EQ(::mkfifo((folder_ / "pipe.png").c_str(), 0600), 0);
  EXPECT_THAT(Expand({folder_.string()}), ElementsAre("a/1.png", "link.png"));
}

TEST_F(InputsTest, EmptyFolder) {
  EXPECT_THAT(MessageOf(folder_.string()),
              AllOf(HasSubstr(folder_.string()), HasSubstr("no PDF file and no picture")));
}

TEST_F(InputsTest, Patterns) {
  for (const char* name : {"p10.png", "p2.png", "sub/x.pdf", "[odd].png"}) Write(name);
  EXPECT_THAT(Expand({folder_.string() + "/p*.png"}), ElementsAre("p2.png", "p10.png"));
  EXPECT_THAT(Expand({folder_.string() + "/*"}),
              ElementsAre("[odd].png", "p2.png", "p10.png", "sub/x.pdf"));
  // A file of that very name.
  EXPECT_THAT(Expand({folder_.string() + "/[odd].png"}), ElementsAre("[odd].png"));
  EXPECT_THAT(Expand({folder_.string() + "/q*"}), ElementsAre("!q*"));
  EXPECT_THAT(MessageOf(folder_.string() + "/q*"), HasSubstr("no file matches"));
}

TEST_F(InputsTest, NamesInTheirOrder) {
  const std::string b = Write("b.png"), a = Write("a.png");
  EXPECT_THAT(Expand({b, "-", a, folder_ / "missing.pdf", "data:;base64,AA=="}),
              ElementsAre("b.png", "-", "a.png", "missing.pdf", "data-1"));
  EXPECT_THAT(Expand({"-", "-"}), ElementsAre("-", "!-"));
}

TEST_F(InputsTest, FileUris) {
  Write("a b.png", kPpm);
  const std::string base = "file://" + folder_.string();
  EXPECT_THAT(Expand({base + "/a%20b.png"}), ElementsAre("a b.png"));
  EXPECT_THAT(Expand({"FILE://localhost" + folder_.string() + "/a%20b.png"}),
              ElementsAre("a b.png"));
  EXPECT_EQ(MessageOf(base + "/a%20b.png"), "opened");
  for (const char* bad : {"file://other/host.png", "file:relative.png", "file:///a%0",
                          "file:///a%zz", "file:///a%00b", "file:"})
    EXPECT_THAT(MessageOf(bad), HasSubstr("not a file: URI")) << bad;
}

TEST_F(InputsTest, WebAddressesAreRefused) {
  for (const char* name : {"http://example.org/a.png", "HTTPS://example.org/a.pdf"})
    EXPECT_THAT(MessageOf(name), AllOf(HasSubstr("example.org"), HasSubstr("not fetched"))) << name;
}

TEST_F(InputsTest, DataUris) {
  // kPpm
  const std::string base64 = "UDMKMiAxCjI1NQoyNTUgMCAwICAwIDAgMjU1Cg==";
  const auto inputs = ExpandInputs({"data:image/png;base64," + base64,
                                    "data:;base64,UDMKMiAxCjI1NQoyNTUgMCAwICAwIDAgMjU1Cg%3D%3d"});
  ASSERT_TRUE(inputs.ok());
  for (const DocumentInput& input : *inputs) {
    const auto document = OpenDocument(input, {});
    ASSERT_TRUE(document.ok()) << document.error().message;
    const auto page = (*document)->Read(0);
    ASSERT_TRUE(page.ok()) << page.error().message;
    EXPECT_THAT(page->image.rgb, ElementsAre(255, 0, 0, 0, 0, 255));
  }
  EXPECT_EQ(inputs->at(1).name, "data-2");
  EXPECT_THAT(MessageOf("data:image/png;base64"), HasSubstr("no comma"));
  EXPECT_THAT(MessageOf("data:image/png,abc"), HasSubstr("not in base64"));
  EXPECT_THAT(MessageOf("data:;base64,%%%"), HasSubstr("damaged"));
  EXPECT_THAT(MessageOf("data:;base64,A"), HasSubstr("damaged"));
  EXPECT_THAT(MessageOf("data:;base64,"), HasSubstr("empty"));
  EXPECT_THAT(MessageOf("data:;base64,AAAA"), HasSubstr("neither a PDF nor a picture"));
}

TEST_F(InputsTest, KindsByContent) {
  const std::string pdf =
      PdfOfPages({{ShowText(10, 10, 10, "one")}, {ShowText(10, 10, 10, "two")}});
  const auto document = OpenDocument({.name = Write("a.png", pdf)}, {});
  ASSERT_TRUE(document.ok()) << document.error().message;
  EXPECT_EQ((*document)->n_pages(), 2);
  const auto page = (*document)->Read(1);
  ASSERT_TRUE(page.ok()) << page.error().message;
  ASSERT_TRUE(page->text.has_value());
  EXPECT_EQ(page->text->words.at(0).text, "two");
  EXPECT_EQ(page->width_pt, 300);
  EXPECT_EQ(page->image.width_px, 834);  // 300 * 200 / 72, rounded up

  const auto picture = OpenDocument({.name = Write("b.pdf", kPpm)}, {});
  ASSERT_TRUE(picture.ok()) << picture.error().message;
  EXPECT_EQ((*picture)->n_pages(), 1);
  const auto pixels = (*picture)->Read(0);
  ASSERT_TRUE(pixels.ok());
  EXPECT_FALSE(pixels->text.has_value());
  EXPECT_FALSE((*picture)->Read(1).ok());

  EXPECT_THAT(MessageOf(Write("c.pdf", "just text")),
              AllOf(HasSubstr("c.pdf"), HasSubstr("neither a PDF")));
  EXPECT_THAT(MessageOf(Write("d.pdf", "")), AllOf(HasSubstr("d.pdf"), HasSubstr("empty")));
  EXPECT_THAT(MessageOf(Write("e.pdf", "%PDF-1.7 cut")),
              AllOf(HasSubstr("e.pdf"), HasSubstr("damaged")));
  EXPECT_THAT(MessageOf((folder_ / "missing.png").string()),
              AllOf(HasSubstr("missing.png"), HasSubstr("check the path")));
}

TEST_F(InputsTest, TextLayerCanBeOff) {
  const std::string name = Write("a.pdf", PdfOfPages({{ShowText(10, 10, 10, "one")}}));
  InputOptions options;
  options.pdf.read_text = false;
  const auto document = OpenDocument({.name = name}, options);
  ASSERT_TRUE(document.ok());
  EXPECT_FALSE((*document)->Read(0)->text.has_value());
}

TEST_F(InputsTest, UnreadableFile) {
  const std::string name = Write("a.png", kPpm);
  fs::permissions(name, fs::perms::none);
  if (::geteuid() == 0) {
    EXPECT_EQ(MessageOf(name), "opened");  // root reads everything
  } else {
    EXPECT_THAT(MessageOf(name), AllOf(HasSubstr("a.png"), HasSubstr("check the permissions")));
  }
}

TEST_F(InputsTest, PagesOfATiff) {
  const fs::path golden = fs::path(GLMOCR_SOURCE_DIR) / "tests/golden/media/tiff_pages3.tif";
  const auto document = OpenDocument({.name = golden.string()}, {});
  ASSERT_TRUE(document.ok()) << document.error().message;
  ASSERT_EQ((*document)->n_pages(), 3);
  for (int i = 2; i >= 0; --i) EXPECT_TRUE((*document)->Read(i).ok());
  const auto none = (*document)->Read(3);
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.error().message, HasSubstr("tiff_pages3.tif"));
}

// Every kind of input, its pictures decoded in a worker: the same pages, the same hash.
TEST_F(InputsTest, FramesThatAreNotReadAreSaid) {
  const fs::path media = fs::path(GLMOCR_SOURCE_DIR) / "tests/golden/media";
  for (const bool worker : {false, true}) {
    InputOptions options;
    if (worker) options.picture_worker.emplace();
    const auto warnings = [&](const char* name) {
      auto document = OpenDocument({.name = (media / name).string()}, options);
      EXPECT_TRUE(document.ok()) << document.error().message;
      auto page = (*document)->Read(0);
      EXPECT_TRUE(page.ok()) << page.error().message;
      return page->warnings;
    };
    for (const char* name : {"gif_animated.gif", "webp_animated.webp"}) {
      const std::vector<Warning> said = warnings(name);
      ASSERT_EQ(said.size(), 1u) << name;
      EXPECT_EQ(said[0].kind, WarningKind::kFramesSkipped);
      EXPECT_NE(said[0].message.find("first of 2 pictures"), std::string::npos) << said[0].message;
    }
    EXPECT_TRUE(warnings("gif_plain.gif").empty());
    EXPECT_TRUE(warnings("tiff_pages3.tif").empty());
  }
}

TEST_F(InputsTest, PicturesInAWorker) {
  const fs::path goldens = fs::path(GLMOCR_SOURCE_DIR) / "tests/golden/media";
  InputOptions in_worker;
  in_worker.picture_worker.emplace();
  for (const std::string& name :
       {(goldens / "tiff_pages3.tif").string(), (goldens / "jpeg_orientation6.jpg").string(),
        Write("a.ppm", kPpm), Write("b.pdf", PdfOfPages({{ShowText(10, 10, 10, "one")}}))}) {
    SCOPED_TRACE(name);
    const auto here = OpenDocument({.name = name}, {});
    const auto there = OpenDocument({.name = name}, in_worker);
    ASSERT_TRUE(here.ok() && there.ok()) << (there.ok() ? "" : there.error().message);
    ASSERT_EQ((*there)->n_pages(), (*here)->n_pages());
    EXPECT_EQ((*there)->content_hash(), (*here)->content_hash());
    for (int i = 0; i < (*here)->n_pages(); ++i) {
      const auto a = (*here)->Read(i);
      const auto b = (*there)->Read(i);
      ASSERT_TRUE(a.ok() && b.ok()) << (b.ok() ? "" : b.error().message);
      EXPECT_EQ(a->image.width_px, b->image.width_px);
      EXPECT_TRUE(a->image.rgb == b->image.rgb);
      EXPECT_EQ(a->text.has_value(), b->text.has_value());
    }
  }
}

// A codec that crashes is that input's error; the next input is read.
TEST_F(InputsTest, ACodecsCrashIsAnErrorOfItsInput) {
  const std::string name = Write("worker", "#!/bin/bash\nkill -SEGV $$\n");
  fs::permissions(name, fs::perms::owner_all);
  InputOptions crashes, works;
  crashes.picture_worker = {.worker = name};
  works.picture_worker.emplace();
  const auto bad = OpenDocumentBytes(std::string(kPpm), "bad.ppm", crashes);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(bad.error().message,
              AllOf(HasSubstr("'bad.ppm': "), HasSubstr("was killed by signal 11")));
  const auto good = OpenDocumentBytes(std::string(kPpm), "good.ppm", works);
  ASSERT_TRUE(good.ok()) << good.error().message;
  EXPECT_THAT((*good)->Read(0)->image.rgb, ElementsAre(255, 0, 0, 0, 0, 255));
}

TEST_F(InputsTest, BytesInMemory) {
  const std::string pdf = PdfOfPages({{ShowText(10, 10, 10, "one")}, {""}});
  const auto document = OpenDocumentBytes(pdf, "upload.pdf", {});
  ASSERT_TRUE(document.ok()) << document.error().message;
  EXPECT_EQ((*document)->n_pages(), 2);
  EXPECT_EQ((*document)->Read(0)->text->words.at(0).text, "one");
  EXPECT_EQ((*document)->content_hash(),
            (*OpenDocument({.name = Write("a.pdf", pdf)}, {}))->content_hash());
  const auto picture = OpenDocumentBytes(std::string(kPpm), "", {});
  ASSERT_TRUE(picture.ok());
  EXPECT_THAT((*picture)->Read(0)->image.rgb, ElementsAre(255, 0, 0, 0, 0, 255));
  const auto empty = OpenDocumentBytes("", "x", {});
  ASSERT_FALSE(empty.ok());
  EXPECT_THAT(empty.error().message, HasSubstr("empty"));
}

// path-name: what the sender calls a file is data, whatever it looks like.
TEST_F(InputsTest, NamesOfBytesAreNoPaths) {
  const std::string there = Write("there.ppm", kPpm);
  for (const std::string& name :
       {there, std::string("-"), std::string("data:;base64,UDMK"), "file://" + there,
        std::string("../../etc/passwd"), std::string("a\0b", 3), std::string("a\r\nb: c\x1b[2J"),
        std::string(4000, 'x')}) {
    for (const bool in_worker : {false, true}) {
      InputOptions options;
      if (in_worker) options.picture_worker.emplace();
      const auto bad = OpenDocumentBytes("no picture", name, options);
      ASSERT_FALSE(bad.ok()) << name;
      EXPECT_THAT(bad.error().message, HasSubstr("neither a PDF nor a picture"));
      EXPECT_LT(bad.error().message.size(), 1000u);
      for (const char c : bad.error().message) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
      const auto good = OpenDocumentBytes(std::string(kPpm), name, options);
      ASSERT_TRUE(good.ok()) << good.error().message;
      const auto none = (*good)->Read(1);
      ASSERT_FALSE(none.ok());
      for (const char c : none.error().message) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
    }
  }
}

// The same bytes have the same hash as a file, a pipe or a URI, however long; other bytes another.
TEST_F(InputsTest, ContentHash) {
  std::string pdf = PdfOfPages({{""}});
  pdf.insert(9, "%" + std::string(3 << 20, 'x') + "\n");  // a comment over several chunks
  const auto hash = [&](const DocumentInput& input) {
    const auto document = OpenDocument(input, {});
    if (!document.ok()) {
      ADD_FAILURE() << document.error().message;
      return Hash128{};
    }
    return (*document)->content_hash();
  };
  const std::string file = Write("a.pdf", pdf);
  const Hash128 first = hash({.name = file});
  EXPECT_EQ(hash({.name = Write("b.png", pdf)}), first);
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const pid_t writer = ::fork();
  if (writer == 0) {
    std::ofstream(pipe, std::ios::binary) << pdf;
    ::_exit(0);
  }
  EXPECT_EQ(hash({.name = pipe.string()}), first);
  pdf[100] = 'y';
  EXPECT_FALSE(hash({.name = Write("c.pdf", pdf)}) == first);
  const Hash128 picture = hash({.name = Write("p.ppm", kPpm)});
  EXPECT_EQ(
      hash({.name = "u", .location = "data:;base64,UDMKMiAxCjI1NQoyNTUgMCAwICAwIDAgMjU1Cg=="}),
      picture);
}

TEST_F(InputsTest, FingerprintTellsOptionsApart) {
  InputOptions a, b;
  EXPECT_EQ(a.Fingerprint(), b.Fingerprint());
  b.pdf.dpi = 150;
  EXPECT_NE(a.Fingerprint(), b.Fingerprint());
  b = {};
  b.decode.alpha = AlphaMode::kDrop;
  EXPECT_NE(a.Fingerprint(), b.Fingerprint());
  b = {};
  b.pdf.page_timeout_s = 1;  // no page looks different
  b.picture_worker.emplace();
  EXPECT_EQ(a.Fingerprint(), b.Fingerprint());
}

}  // namespace
}  // namespace glmocr
