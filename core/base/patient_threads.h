#pragma once

namespace sparsescope {

/// For the first line of main(): starts the program anew with a short spin of OpenMP's threads, unless the caller has set one. By
/// default they spin at every barrier until a core is free again, and a step on a busy machine takes a hundred times as long; the
/// value is read when the library is loaded, so it cannot be set later. Measured on two cores: idle equal, busy 4 to 7 x faster.
/// Returns when nothing is to do or the program cannot be started again.
void usePatientThreads(char **argv);

} // namespace sparsescope
