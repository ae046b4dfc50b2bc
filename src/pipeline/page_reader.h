// Pages in, read pages out, in the order they came: finds each page's regions, has the recogniser
// read them as part of one big batch, and hands a page over when its last region is done. Reading
// of a page overlaps with decoding and cutting of the next ones. Any number of readers may share a
// recogniser, each on a thread of its own; their crops then share batches as well.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "media/image.h"
#include "pipeline/page_crops.h"
#include "pipeline/recognizer.h"

namespace glmocr {

// In which order text comes while several regions are being read.
enum class TextOrder {
  kAsRead,   // whatever was read last
  kReading,  // page by page, region by region: text of later regions waits, and so does on_page
};

// All callbacks run from within Add and Finish, on their thread; what they throw comes out there.
struct PageReaderOptions {
  Layout layout = Layout::kAuto;
  std::shared_ptr<const LayoutEngine> layout_engine;  // of Layout::kRegions
  std::string instruction;  // empty: what the region's task asks for (text, table, formula)
  GenerationOptions generation;
  TextLayerMode text_layer = TextLayerMode::kOff;
  bool keep_tokens = true;  // in ReadRegion::tokens; a page has some thousand
  bool keep_image = false;  // in ReadPage::image, for writers that show the page
  // The text of page.regions[region] as it grows: whole characters, in order within a region,
  // regions in text_order. In sum it is the region's final text, except that a region that ended
  // with kLoop loses its repetition afterwards. Regions that are read line by line for
  // Layout::kRegions come in one piece. Of the page only sizes and boxes are known yet.
  std::function<void(const ReadPage& page, size_t region, std::string_view text)> on_text;
  TextOrder text_order = TextOrder::kAsRead;
  // page.regions[region] is complete.
  std::function<void(const ReadPage& page, size_t region)> on_region;
};

struct PageSource {
  std::string source;
  int page = 1;
  int n_pages = 1;
  std::vector<Warning> warnings = {};  // what is known before the page is read
};

class PageReader {
 public:
  // Called in page order.
  using OnPage = std::function<void(ReadPage)>;
  PageReader(Recognizer& recognizer, PageReaderOptions options, OnPage on_page);
  virtual ~PageReader();  // cancels what is unfinished
  PageReader(const PageReader&) = delete;
  PageReader& operator=(const PageReader&) = delete;

  // Queues a page; blocks while too much is in flight. A page that cannot be read at all (an empty
  // picture, too many lines) is an error and is not handed over. `keep_going` is asked while
  // waiting; false ends the wait early. It must not throw.
  // `text_layer`: of a PDF page, used as options.text_layer says.
  Status Add(const Image& image, const PageSource& source, const std::function<bool()>& keep_going,
             const PdfTextLayer* text_layer = nullptr);
  // Queues a page that was read before, so that pages keep their order; blocks as Add. It is handed
  // over as it is, with the picture that Add would have given it; nothing else is called back. Its
  // sizes are those of `image`. Errors: as Add.
  Status AddKnown(const Image& image, ReadPage page, const std::function<bool()>& keep_going);
  // Queues a page that could not be loaded, so that pages keep their order: it is handed over with
  // `error` set and without regions.
  void AddBroken(const PageSource& source, Error error);
  // Waits for all queued pages. False when keep_going said no: the unfinished pages are left to the
  // destructor.
  bool Finish(const std::function<bool()>& keep_going);

  // Regions handed to the model and regions done so far, for progress.
  int64_t n_regions() const;
  int64_t n_regions_done() const;

 protected:
  // Recognizer::Submit; tests make it fail.
  virtual Result<RequestId> SubmitCrop(std::vector<ImageInput> images, std::string_view instruction,
                                       const GenerationOptions& generation, Recognizer::Done done,
                                       Recognizer::OnText on_text);

 private:
  struct Piece;
  struct Region;
  struct PendingPage;
  struct Shared;
  Result<std::shared_ptr<PendingPage>> Prepare(const Image& image, const PageSource& source,
                                               const PdfTextLayer* text_layer) const;
  CropOptions OptionsOfCrops(const PdfTextLayer* text_layer) const;
  bool WaitForPlace(const std::function<bool()>& keep_going);
  bool WaitFor(const std::function<bool()>& ready, const std::function<bool()>& keep_going);
  bool EnterFlight(int64_t patches, const std::function<bool()>& keep_going);
  bool Submit(const std::shared_ptr<PendingPage>& page, const std::function<bool()>& keep_going);
  void SubmitRejected(const std::function<bool()>& keep_going);
  void SubmitPiece(const std::shared_ptr<PendingPage>& page, Piece& piece, int64_t patches);
  void EndUnread(Piece& piece, const Error& error);
  void TakeArrived();
  void Stream(PendingPage& page, size_t region);
  void ReleaseText();
  void FinishPiece(Piece& piece);
  void Assemble(PendingPage& page, size_t region);
  void Complete(PendingPage& page, size_t region);
  void Announce(PendingPage& page, size_t region);
  void EndTrial(PendingPage& page);
  bool Shrink(Piece& piece) const;
  bool Retry(Piece& piece);
  void EmitFinished();

  Recognizer& recognizer_;
  const PageReaderOptions options_;
  OnPage on_page_;
  std::deque<std::shared_ptr<PendingPage>> pending_;
  std::deque<std::shared_ptr<PendingPage>> rejected_;  // their text layer was: to be read
  std::shared_ptr<Shared> shared_;
};

}  // namespace glmocr
