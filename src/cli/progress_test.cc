#include "cli/progress.h"

#include <gtest/gtest.h>

namespace glmocr::cli {
namespace {

TEST(Progress, OneDocument) {
  const ProgressState state = {
      .documents = 1, .documents_opened = 1, .pages = 196, .pages_done = 16, .pages_read = 16};
  EXPECT_EQ(ProgressLine(state, 8), "16 of 196 pages, 2.0 pages/s, about 1:30 left");
}

// Pages of an earlier run are done, and say nothing of the speed of this one.
TEST(Progress, AfterAResume) {
  const ProgressState state = {.documents = 3,
                               .documents_opened = 3,
                               .documents_done = 1,
                               .pages = 120,
                               .pages_done = 100,
                               .pages_read = 10};
  EXPECT_EQ(ProgressLine(state, 10),
            "1 of 3 documents, 100 of 120 pages, 1.0 pages/s, about 0:20 left");
}

TEST(Progress, UnopenedDocumentsAreGuessed) {
  const ProgressState state = {.documents = 10,
                               .documents_opened = 2,
                               .documents_done = 1,
                               .pages = 6,
                               .pages_done = 3,
                               .pages_read = 3};
  EXPECT_EQ(ProgressLine(state, 0.5),
            "1 of 10 documents, 3 of about 30 pages, 6.0 pages/s, about 0:04 left");
}

TEST(Progress, NothingReadYet) {
  EXPECT_EQ(ProgressLine({.documents = 1}, 0), "opening");
  EXPECT_EQ(ProgressLine({.documents = 3}, 0), "0 of 3 documents, opening");
  EXPECT_EQ(ProgressLine({.documents = 1, .documents_opened = 1, .pages = 1}, 0),
            "0 of 1 page, 0.0 pages/s");
  EXPECT_EQ(
      ProgressLine({.documents = 1, .documents_opened = 1, .pages = 4000, .pages_read = 1}, 1),
      "0 of 4000 pages, 1.0 pages/s, about 1:06:40 left");
}

}  // namespace
}  // namespace glmocr::cli
