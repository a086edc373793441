#pragma once

#include "core/base/error.h"

#include <QString>

namespace sparsescope {

/// What an error says, as a form says it: fields go by their labels and not by their paths in a file.
QString inFieldWords(const Error &error);

} // namespace sparsescope
