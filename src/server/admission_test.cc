#include "server/admission.h"

#include <gtest/gtest.h>

#include <vector>

namespace glmocr::server {
namespace {

int64_t TakeAll(Admission& admission, const std::string& owner,
                std::vector<Admission::Ticket>* held) {
  int64_t n = 0;
  while (auto ticket = admission.TryEnter(owner)) {
    held->push_back(std::move(ticket));
    ++n;
  }
  return n;
}

TEST(Admission, FairSharesLeaveRoomForOthers) {
  Admission admission(400);
  std::vector<Admission::Ticket> held;
  EXPECT_EQ(TakeAll(admission, "a", &held), 300);
  EXPECT_EQ(TakeAll(admission, "b", &held), 75);
  EXPECT_EQ(TakeAll(admission, "c", &held), 25) << "a sixteenth is everybody's";
  EXPECT_EQ(admission.active(), 400);
  held.clear();
  EXPECT_EQ(admission.active(), 0);
  EXPECT_EQ(TakeAll(admission, "b", &held), 300);
}

TEST(Admission, ManyOwnersStayWithinTheLimit) {
  Admission admission(1000);
  std::vector<Admission::Ticket> held;
  for (int owner = 0; owner < 50; ++owner) TakeAll(admission, std::to_string(owner), &held);
  EXPECT_LE(admission.active(), 1000);
  EXPECT_EQ(admission.active(), static_cast<int64_t>(held.size()));
}

TEST(Admission, PlacesGrowAndShrink) {
  Admission admission(1000);
  const auto place = admission.TryEnter("a", 100);
  ASSERT_NE(place, nullptr);
  EXPECT_TRUE(place->Resize(750));
  EXPECT_FALSE(place->Resize(751));
  EXPECT_EQ(admission.active(), 750) << "a refusal leaves what was held";
  EXPECT_EQ(admission.refused(), 1);
  EXPECT_NE(admission.TryEnter("b", 60), nullptr);
  EXPECT_TRUE(place->Resize(10));
  EXPECT_EQ(admission.active(), 10);
  place->Leave();
  EXPECT_EQ(admission.active(), 0);
  EXPECT_FALSE(place->Resize(5)) << "it was given back";
}

TEST(Admission, SmallLimitsAreNotShared) {
  Admission admission(15);
  std::vector<Admission::Ticket> held;
  EXPECT_EQ(TakeAll(admission, "a", &held), 15);
}

}  // namespace
}  // namespace glmocr::server
