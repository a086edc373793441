#pragma once

#include "core/base/error.h"

namespace sparsescope {

/// What cannot be written now and may be written later: the disk is full, the folder is gone or must not be written.
/// Nothing already written is damaged, and the same call may be made again.
class StorageFailure : public Failure {
public:
    using Failure::Failure;
};

} // namespace sparsescope
