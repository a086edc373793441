#pragma once

#include "core/data/data_source.h"

namespace sparsescope {

/// One per source, each in the file of its source; the table is data_source_registry.cpp.
DataSourceKind storiesKind();
DataSourceKind textKind();
DataSourceKind needleKind();
DataSourceKind mqarKind();
DataSourceKind noisyRecallKind();
DataSourceKind selectiveCopyKind();
DataSourceKind forgettingKind();
DataSourceKind bracketsKind();
DataSourceKind documentQuestionsKind();
DataSourceKind noiseKind();

} // namespace sparsescope
