// Tables between horizontal rules.
#include "layout/geometric/parts.h"

namespace glmocr::geometric {

std::vector<Table> FindOpenTables(const PageInk& ink, const Box& area, std::vector<Chain>* chains) {
  (void)ink, (void)area, (void)chains;
  return {};
}

}  // namespace glmocr::geometric
