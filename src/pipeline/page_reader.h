// Pages in, read pages out, in the order they came: finds each page's regions, has the recogniser read them as part of one big batch,
// and hands a page over when its last region is done. Reading of a page overlaps with decoding and cutting of the next ones.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "media/image.h"
#include "pipeline/page.h"
#include "pipeline/recognizer.h"

namespace glmocr {

enum class Layout {
  kAuto,   // kLines for models that read lines, else kNone
  kNone,   // the whole picture is one region
  kLines,  // text lines, each cut into pieces at word gaps
};

// What OnText is given while a page is being read.
enum class TextStream {
  kNone,
  kRegionPieces,  // each piece of a region when it is final
  kTokens,        // each token at once; a runaway answer's repetitions are shown although the final text leaves them out
};

struct PageReaderOptions {
  Layout layout = Layout::kAuto;
  std::string instruction = "Text Recognition:";
  GenerationOptions generation;
  TextStream stream = TextStream::kNone;
};

struct PageSource {
  std::string source;
  int page = 1;
  int n_pages = 1;
};

class PageReader {
 public:
  // Called in page order from within Add and Finish, on their thread.
  using OnPage = std::function<void(ReadPage)>;
  // Text of a region as it is read: pages, regions and bytes in reading order, all of a page before its OnPage. The same threads. The page is
  // not complete yet: its text is what these calls give.
  using OnText = std::function<void(const ReadPage& page, size_t region, std::string_view text)>;
  PageReader(Recognizer& recognizer, PageReaderOptions options, OnPage on_page, OnText on_text = {});
  ~PageReader();

  // Queues a page; blocks while too much is in flight. A page that cannot be read at all (an empty picture, too many lines) is an
  // error and is not handed over. `keep_going` is asked while waiting; false ends the wait early.
  Status Add(const Image& image, const PageSource& source, const std::function<bool()>& keep_going);
  // Waits for all queued pages. False when keep_going said no: the unfinished pages are dropped.
  bool Finish(const std::function<bool()>& keep_going);

  // Regions handed to the model and regions done so far, for progress.
  int64_t n_regions() const;
  int64_t n_regions_done() const;

 private:
  struct Piece;
  struct PendingPage;
  struct Shared;
  struct Region;
  Status Collect(const Image& image, PendingPage* pending, std::vector<Region>* regions) const;
  bool WaitFor(const std::function<bool()>& ready, const std::function<bool()>& keep_going);
  void Submit(const std::shared_ptr<PendingPage>& page, std::vector<Region> regions, const std::function<bool()>& keep_going);
  void EmitText();
  void EmitFinished();

  Recognizer& recognizer_;
  const PageReaderOptions options_;
  OnPage on_page_;
  OnText on_text_;
  std::deque<std::shared_ptr<PendingPage>> pending_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace glmocr
