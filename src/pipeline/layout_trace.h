// Every named intermediate of PP-DocLayoutV3 on one page, to compare with the reference
// implementation stage by stage (trace.h does the same for the reading model).
#pragma once

#include <vector>

#include "media/image.h"
#include "models/pp_doclayout_v3/model.h"
#include "pipeline/trace.h"

namespace glmocr {

// pixel_values [height * width, 3], the stages that backbone.h, encoder.h and decoder.h name (maps
// as [pixels, channels]), queries [num_queries] int64, and masks [num_queries, mask pixels]: their
// logits. kInvalidArgument for choices that do not fit the model.
Result<std::vector<TraceTensor>> TraceLayout(const PpDocLayoutModel& model, const Context& ctx,
                                             const Image& page, const DecoderChoices& choices);

}  // namespace glmocr
