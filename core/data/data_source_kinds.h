#pragma once

#include "core/data/data_source.h"

namespace sparsescope {

/// One per source, each in the file of its name; the table is data_source_registry.cpp.
DataSourceKind textKind();
DataSourceKind needleKind();
DataSourceKind noiseKind();

} // namespace sparsescope
