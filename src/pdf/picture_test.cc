// Pictures through the real worker, compared with DecodePage in this process, and false workers in
// its place.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "base/file.h"
#include "pdf/picture_document.h"
#include "pdf/protocol.h"
#include "pdf/sandbox.h"
#include "pdf/test_pdf.h"
#include "pdf/worker_pool.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const fs::path kGoldens = fs::path(GLMOCR_SOURCE_DIR) / "tests/golden/media";

std::string Load(const fs::path& path) {
  auto bytes = ReadFile(path.string(), 1 << 24);
  return bytes.ok() ? *bytes : "";
}

Result<std::unique_ptr<PictureDocument>> Open(const std::string& bytes,
                                              const DecodeOptions& decode = {},
                                              const PictureWorkerOptions& options = {}) {
  return PictureDocument::Open(BytesOf(bytes), "upload.img", decode, options);
}

class PictureTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "glm-ocr-picture-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  // A program in the worker's place.
  PictureWorkerOptions Script(const std::string& text) const {
    const fs::path path = folder_ / "worker";
    std::ofstream(path) << "#!/bin/bash\n" << text;
    fs::permissions(path, fs::perms::owner_all);
    return {.page_timeout_s = 5, .worker = path};
  }

  fs::path folder_;
};

// Every committed picture, under options that each change its pixels.
TEST_F(PictureTest, EqualsDecodingInThisProcess) {
  std::set<ImageFormat> formats;
  int n_pages = 0;
  for (const auto& entry : fs::directory_iterator(kGoldens)) {
    const std::string bytes = Load(entry.path());
    const auto format = SniffImageFormat(BytesOf(bytes));
    if (!format) continue;
    SCOPED_TRACE(entry.path().filename().string());
    formats.insert(*format);
    for (const DecodeOptions& decode : {DecodeOptions{}, DecodeOptions{.alpha = AlphaMode::kDrop,
                                                         .orientation = OrientationMode::kIgnore,
                                                         .gray16 = Gray16Mode::kClipLikePillow}}) {
      const auto info = ReadImageInfo(BytesOf(bytes), "here", decode);
      const auto there = Open(bytes, decode);
      ASSERT_EQ(info.ok(), there.ok()) << (there.ok() ? "" : there.error().message);
      if (!info.ok()) continue;
      ASSERT_EQ((*there)->n_pages(), info->pages);
      for (int page = 0; page < info->pages; ++page, ++n_pages) {
        const auto here = DecodePage(BytesOf(bytes), "here", page, decode);
        const auto read = (*there)->Read(page, page + 1);
        ASSERT_EQ(here.ok(), read.ok()) << (read.ok() ? "" : read.error().message);
        if (!here.ok()) continue;
        EXPECT_EQ(read->width_px, here->width_px);
        EXPECT_EQ(read->height_px, here->height_px);
        EXPECT_TRUE(read->rgb == here->rgb);
      }
    }
  }
  EXPECT_EQ(formats.size(), 9u);  // all kinds
  EXPECT_GT(n_pages, 150);
}

TEST_F(PictureTest, PagesInAnyOrder) {
  const std::string bytes = Load(kGoldens / "tiff_pages3.tif");
  const auto tiff = Open(bytes);
  ASSERT_TRUE(tiff.ok()) << tiff.error().message;
  ASSERT_EQ((*tiff)->n_pages(), 3);
  for (const auto& [page, next] : {std::pair(2, 0), {1, 2}, {1, -1}, {0, 7}, {2, 2}}) {
    const auto read = (*tiff)->Read(page, next);
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_TRUE(read->rgb == DecodePage(BytesOf(bytes), "here", page)->rgb);
  }
  for (const int none : {-1, 3}) {
    const auto read = (*tiff)->Read(none, -1);
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
  }
}

// The worker has the limits of those that read PDFs, and no font folders.
TEST_F(PictureTest, WorkerIsLimited) {
  const auto picture = Open(Load(kGoldens / "jpeg_q75.jpg"));
  ASSERT_TRUE(picture.ok()) << picture.error().message;
  const fs::path proc = fs::path("/proc") / std::to_string((*picture)->worker_pid());
  const auto text = [](const fs::path& path) {
    std::ifstream file(path);
    return std::string((std::istreambuf_iterator<char>(file)), {});
  };
  EXPECT_THAT(text(proc / "status"), HasSubstr("NoNewPrivs:\t1"));
  if (fs::exists("/proc/sys/kernel/seccomp/actions_avail")) {
    EXPECT_THAT(text(proc / "status"), HasSubstr("Seccomp:\t2"));
  }
  if (pdf::kLimitsMemory) {
    EXPECT_THAT(text(proc / "limits"), HasSubstr(std::to_string(uint64_t{3} << 30)));
  }
}

void Put32(std::string* out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) *out += static_cast<char>(value >> shift);
}

// A PNG's header of that size, with hardly a byte of pixels behind it.
std::string PngOfSize(uint32_t width, uint32_t height) {
  // The CRC that PNG asks for, by its definition (ISO/IEC 15948, annex D).
  const auto crc = [](std::string_view text) {
    uint32_t c = ~0u;
    for (const char byte : text) {
      c ^= static_cast<uint8_t>(byte);
      for (int k = 0; k < 8; ++k) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
    }
    return ~c;
  };
  std::string out("\x89PNG\r\n\x1a\n", 8);
  const auto chunk = [&](const std::string& kind, const std::string& body) {
    Put32(&out, static_cast<uint32_t>(body.size()));
    out += kind + body;
    Put32(&out, crc(kind + body));
  };
  std::string head;
  Put32(&head, width);
  Put32(&head, height);
  chunk("IHDR", head + std::string("\x08\x02\0\0\0", 5));
  chunk("IDAT", std::string("\x78\x9c\x01\x00\x00\xff\xff", 7));
  chunk("IEND", "");
  return out;
}

TEST_F(PictureTest, BombHeader) {
  // Their pixels would not fit into the worker, nor be reported as pixels then.
  for (const auto& [width, height] :
       {std::pair(50000u, 50000u), {999'999u, 201u}, {201u, 999'999u}}) {
    const auto bomb = Open(PngOfSize(width, height), {}, {.max_memory_bytes = uint64_t{256} << 20});
    ASSERT_FALSE(bomb.ok());
    EXPECT_EQ(bomb.error().code, ErrorCode::kResourceExhausted) << bomb.error().message;
    EXPECT_THAT(bomb.error().message,
                AllOf(HasSubstr("'upload.img': "), HasSubstr("limit of 200000000 pixels")));
  }
  const auto small = Open(PngOfSize(11, 10), {.max_pixels = 100});
  ASSERT_FALSE(small.ok());
  EXPECT_THAT(small.error().message, HasSubstr("limit of 100 pixels"));
  EXPECT_TRUE(Open(PngOfSize(10, 10), {.max_pixels = 100}).ok());  // the header is fine
  const auto encoded = Open(PngOfSize(10, 10), {.max_encoded_bytes = 10});
  ASSERT_FALSE(encoded.ok());
  EXPECT_THAT(encoded.error().message, HasSubstr("more than the limit of 10"));
}

// Within the limit of pixels, beyond that of memory: the page fails, nothing else.
TEST_F(PictureTest, MemoryLimitEndsTheWorkerOnly) {
  if (!pdf::kLimitsMemory) GTEST_SKIP() << "no address-space limit under sanitizers";
  const std::string big = "P5\n14000 14000\n255\n" + std::string(14000 * 14000, 'x');
  const auto picture = Open(big, {}, {.max_memory_bytes = uint64_t{400} << 20});
  ASSERT_TRUE(picture.ok()) << picture.error().message;
  const auto page = (*picture)->Read(0, -1);
  ASSERT_FALSE(page.ok());
  EXPECT_THAT(page.error().message, AllOf(HasSubstr("upload.img"), HasSubstr("memory")));
}

TEST_F(PictureTest, TinyImage) {
  for (const int side : {1, 2}) {
    const std::string pixels(static_cast<size_t>(side) * side * 3, '\x40');
    for (const std::string& bytes : {fmt::format("P6\n{0} {0}\n255\n", side) + pixels,
                                     Load(kGoldens / fmt::format("tiny{}.png", side))}) {
      if (bytes.empty()) continue;
      const auto picture = Open(bytes);
      ASSERT_TRUE(picture.ok()) << picture.error().message;
      const auto page = (*picture)->Read(0, -1);
      ASSERT_TRUE(page.ok()) << page.error().message;
      EXPECT_EQ(page->width_px, side);
      EXPECT_EQ(page->rgb.size(), pixels.size());
    }
  }
  const auto nothing = Open("P6\n0 0\n255\n");
  EXPECT_FALSE(nothing.ok());
}

// What a decoder says about a broken file stays in the worker.
TEST_F(PictureTest, DecoderLeak) {
  for (const char* name : {"jpeg_q75.jpg", "png_c2_d8.png", "tiff_pages3.tif", "gif_plain.gif",
                           "heic.heic", "avif.avif"}) {
    const std::string whole = Load(kGoldens / name);
    ASSERT_FALSE(whole.empty()) << name;
    for (const size_t keep : {size_t{30}, whole.size() / 2, whole.size() * 9 / 10}) {
      const auto picture = Open(whole.substr(0, keep));
      const std::string said = picture.ok() ? [&] {
        const auto page = (*picture)->Read(0, -1);
        return page.ok() ? std::string("whole") : page.error().message;
      }()
                                            : picture.error().message;
      EXPECT_THAT(said, Not(HasSubstr("0x"))) << name;
      const bool ours = said == "whole" ||
                        said.find("the picture is damaged or incomplete") != std::string::npos ||
                        said.find("not a picture that this program reads") != std::string::npos ||
                        said.find("larger than the limit of") != std::string::npos;
      EXPECT_TRUE(ours) << name << " " << said;
    }
  }
}

TEST_F(PictureTest, NotAPicture) {
  const auto text = Open("just text");
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(text.error().message, HasSubstr("'upload.img': not a picture"));
  const auto nothing = Open("");
  ASSERT_FALSE(nothing.ok());
  EXPECT_THAT(nothing.error().message, HasSubstr("empty"));
  EXPECT_FALSE(Open("x", {}, {.page_timeout_s = 0}).ok());
  const auto no_worker = Open("x", {}, {.worker = folder_ / "nothing"});
  ASSERT_FALSE(no_worker.ok());
  EXPECT_THAT(no_worker.error().message, HasSubstr("cannot start the worker"));
}

TEST_F(PictureTest, AWorkerThatDiesCostsNoPage) {
  const auto tiff = Open(Load(kGoldens / "tiff_pages3.tif"));
  ASSERT_TRUE(tiff.ok());
  ASSERT_TRUE((*tiff)->Read(0, -1).ok());
  const pid_t first = (*tiff)->worker_pid();
  ASSERT_GT(first, 0);
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  // It had read a page before, so the next is tried in a new one.
  const auto page = (*tiff)->Read(1, -1);
  ASSERT_TRUE(page.ok()) << page.error().message;
  EXPECT_NE((*tiff)->worker_pid(), first);
}

TEST_F(PictureTest, NoWorkerIsLeftBehind) {
  pid_t pid = -1;
  {
    const auto picture = Open(Load(kGoldens / "jpeg_q75.jpg"));
    ASSERT_TRUE(picture.ok());
    pid = (*picture)->worker_pid();
    ASSERT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(::waitpid(pid, nullptr, 0), -1);
}

// Codecs that crash or hang, when opening and at a page.
TEST_F(PictureTest, FalseWorkerThatDies) {
  const std::string good = Load(kGoldens / "jpeg_q75.jpg");
  const auto dies = Open(good, {}, Script("kill -SEGV $$\n"));
  ASSERT_FALSE(dies.ok());
  EXPECT_EQ(dies.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(dies.error().message,
              HasSubstr("'upload.img': the picture reader was killed by signal 11 on it"));
  // Opens, then dies: the answer is magic, kOpened, one page.
  const std::string opened = R"(printf '\x47\x44\x46\x50\x01\x00\x00\x00\x01\x00\x00\x00' >&3)";
  const auto at_page =
      Open(good, {}, Script(opened + "\nhead -c 64 <&3 >/dev/null\nkill -SEGV $$\n"));
  ASSERT_TRUE(at_page.ok()) << at_page.error().message;
  for (int tries = 0; tries < 2; ++tries) {
    const auto page = (*at_page)->Read(0, -1);
    ASSERT_FALSE(page.ok());
    EXPECT_THAT(page.error().message, HasSubstr("'upload.img': the picture reader"));
  }
  PictureWorkerOptions hangs = Script("exec sleep 60\n");
  hangs.page_timeout_s = 0.3;
  const auto start = std::chrono::steady_clock::now();
  const auto hung = Open(good, {}, hangs);
  ASSERT_FALSE(hung.ok());
  EXPECT_EQ(hung.error().code, ErrorCode::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  // And this process goes on.
  EXPECT_TRUE((*Open(good))->Read(0, -1).ok());
}

template <typename... T>
std::string Packed(const T&... values) {
  std::string out;
  (out.append(reinterpret_cast<const char*>(&values), sizeof(values)), ...);
  return out;
}
std::string Escaped(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return out;
}

TEST_F(PictureTest, FalseWorkerThatLies) {
  const auto says = [](pdf::ReplyType type) {
    return Packed(pdf::ReplyHeader{pdf::kReplyMagic, static_cast<uint32_t>(type)});
  };
  const std::string opened = says(pdf::ReplyType::kOpened) + Packed(pdf::Opened{.n_pages = 1});
  const auto picture = [&](const pdf::PictureHeader& header) {
    return opened + says(pdf::ReplyType::kPicture) + Packed(header);
  };
  for (const auto& [sent, why] : std::vector<std::pair<std::string, std::string>>{
           {picture({.width_px = 11, .height_px = 10}), "impossible size"},
           {picture({.width_px = 0, .height_px = 10}), "impossible size"},
           {picture({.width_px = -1, .height_px = -1}), "impossible size"},
           {picture({.width_px = INT32_MAX, .height_px = INT32_MAX}), "impossible size"},
           {picture({.index = 1, .width_px = 1, .height_px = 1}) + "rgb", "another reply"},
           {picture({.width_px = 9, .height_px = 9}) + "cut", "the picture reader"},
           {opened + says(pdf::ReplyType::kPage) +
                Packed(
                    pdf::PageHeader{.width_px = 1, .height_px = 1, .width_pt = 1, .height_pt = 1}) +
                "rgb",
            "impossible size"},
           {opened + opened, "another reply"},
           {opened + says(pdf::ReplyType::kFailed) + Packed(pdf::Failed{99}), "cannot be read"}}) {
    SCOPED_TRACE(why);
    const auto document =
        Open("any bytes", {.max_pixels = 100},
             Script("printf '" + Escaped(sent) + "' >&3\nread -u 3 -N 60 -t 3\nexit 0\n"));
    ASSERT_TRUE(document.ok()) << document.error().message;
    const auto page = (*document)->Read(0, -1);
    ASSERT_FALSE(page.ok());
    EXPECT_THAT(page.error().message, AllOf(HasSubstr("'upload.img': "), HasSubstr(why)));
  }
  // So many pages that nobody could have counted them.
  const std::string many =
      says(pdf::ReplyType::kOpened) + Packed(pdf::Opened{.n_pages = 0xffffffff});
  EXPECT_FALSE(Open("x", {}, Script("printf '" + Escaped(many) + "' >&3\nsleep 1\n")).ok());
}

TEST_F(PictureTest, OpensManyAtOnce) {
  const std::string bytes = Load(kGoldens / "jpeg_q75.jpg");
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::atomic<int> read{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) {
        const auto picture = Open(bytes);
        if (picture.ok() && (*picture)->Read(0, -1).ok()) ++read;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(read, 20);
}

// --- Workers that one owner's pictures take in turn ---

class PicturePoolTest : public PictureTest {
 protected:
  PictureWorkerOptions Of(const std::string& owner) const {
    return {.pool = pool_, .owner = owner};
  }
  // The worker that read it; -1 when nothing could.
  pid_t ReadBy(const PictureWorkerOptions& options, const std::string& bytes) const {
    const auto picture = Open(bytes, {}, options);
    if (!picture.ok()) return -1;
    const auto page = (*picture)->Read(0, -1);
    if (!page.ok()) return -1;
    EXPECT_TRUE(page->rgb == DecodePage(BytesOf(bytes), "here", 0)->rgb);
    return (*picture)->worker_pid();
  }

  const std::string jpeg_ = Load(kGoldens / "jpeg_q75.jpg");
  const std::string png_ = Load(kGoldens / "png_c2_d8.png");
  std::shared_ptr<pdf::WorkerPool> pool_ = std::make_shared<pdf::WorkerPool>(2);
};

TEST_F(PicturePoolTest, OneOwnersPicturesTakeTurns) {
  const pid_t a = ReadBy(Of("a"), jpeg_);
  ASSERT_GT(a, 0);
  EXPECT_EQ(ReadBy(Of("a"), png_), a);
  EXPECT_EQ(ReadBy(Of("a"), jpeg_), a);
  const pid_t b = ReadBy(Of("b"), jpeg_);
  EXPECT_NE(b, a);
  EXPECT_EQ(ReadBy(Of("b"), png_), b);
  EXPECT_EQ(ReadBy(Of("a"), png_), a);
  EXPECT_EQ(pool_->n_idle(), 2u);
  PictureWorkerOptions less_memory = Of("a");
  less_memory.max_memory_bytes /= 2;
  EXPECT_NE(ReadBy(less_memory, png_), a);
  EXPECT_EQ(pool_->n_idle(), 2u);  // the one that waited longest is gone
  EXPECT_NE(ReadBy(Of("b"), png_), b);
  // While one reads, another takes another.
  const auto first = Open(jpeg_, {}, Of("a")), second = Open(jpeg_, {}, Of("a"));
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE((*first)->worker_pid(), (*second)->worker_pid());
}

TEST_F(PicturePoolTest, KindsWithLargeDecodersHaveTheirOwn) {
  for (const char* name : {"tiff_pages3.tif", "gif_plain.gif", "heic.heic", "avif.avif"}) {
    ASSERT_GT(ReadBy(Of("a"), Load(kGoldens / name)), 0) << name;
    EXPECT_EQ(pool_->n_idle(), 0u) << name;
  }
}

TEST_F(PicturePoolTest, WhatFailedOrIsNotReadDoesNotGoBack) {
  EXPECT_EQ(ReadBy(Of("a"), jpeg_.substr(0, jpeg_.size() / 2)), -1);
  EXPECT_EQ(pool_->n_idle(), 0u);
  EXPECT_EQ(ReadBy(Of("a"), jpeg_.substr(0, 30)), -1);
  EXPECT_EQ(pool_->n_idle(), 0u);
  const pid_t used = ReadBy(Of("a"), jpeg_);
  ASSERT_GT(used, 0);
  EXPECT_EQ(ReadBy(Of("a"), jpeg_.substr(0, 30)), -1);  // in the used one, and in a new one
  EXPECT_EQ(pool_->n_idle(), 0u);
  EXPECT_NE(ReadBy(Of("a"), jpeg_), used);
}

TEST_F(PicturePoolTest, AnIdleWorkersDeathIsNotTheNextPictures) {
  const pid_t used = ReadBy(Of("a"), jpeg_);
  ASSERT_EQ(::kill(used, SIGKILL), 0);
  const pid_t next = ReadBy(Of("a"), png_);
  EXPECT_GT(next, 0);
  EXPECT_NE(next, used);
  EXPECT_EQ(::waitpid(used, nullptr, 0), -1);  // nothing of it is left
}

TEST_F(PicturePoolTest, AWorkerIsReplacedAfterSomePictures) {
  const std::string tiny = "P5\n1 1\n255\nx";
  const pid_t first = ReadBy(Of("a"), tiny);
  ASSERT_GT(first, 0);
  int n = 1;
  while (n < 1000 && ReadBy(Of("a"), tiny) == first) ++n;
  EXPECT_EQ(n, 256);
}

// It reads one picture well and then says more than it was asked: an answer for the next one.
TEST_F(PicturePoolTest, FalseWorkerThatSpeaksUnasked) {
  const auto says = [](pdf::ReplyType type) {
    return Packed(pdf::ReplyHeader{pdf::kReplyMagic, static_cast<uint32_t>(type)});
  };
  const std::string opened = says(pdf::ReplyType::kOpened) + Packed(pdf::Opened{.n_pages = 1});
  const std::string one_pixel =
      says(pdf::ReplyType::kPicture) + Packed(pdf::PictureHeader{.width_px = 1, .height_px = 1});
  PictureWorkerOptions options =
      Script("printf '" + Escaped(opened + one_pixel + "abc" + opened + one_pixel + "xyz") +
             "' >&3\nexec sleep 10\n");
  options.pool = pool_;
  const std::string picture = "P6\n1 1\n255\nabc";
  for (int i = 0; i < 2; ++i) {
    const auto document = Open(picture, {}, options);
    ASSERT_TRUE(document.ok()) << document.error().message;
    const auto page = (*document)->Read(0, -1);
    ASSERT_TRUE(page.ok()) << page.error().message;
    EXPECT_EQ(page->rgb.size(), 3u);
    EXPECT_EQ(page->rgb[0], 'a');
  }
  EXPECT_EQ(pool_->n_idle(), 0u);
}

TEST_F(PicturePoolTest, ManyThreads) {
  std::vector<std::thread> threads;
  std::atomic<int> read{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        if (ReadBy(Of(std::to_string(t / 2)), i % 2 == 0 ? jpeg_ : png_) > 0) ++read;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(read, 80);
  EXPECT_LE(pool_->n_idle(), 2u);
}

}  // namespace
}  // namespace glmocr
