#include "core/base/patient_threads.h"

#include <cstdlib>
#include <unistd.h>

namespace sparsescope {

void usePatientThreads(char **argv)
{
    constexpr const char *kSpins = "GOMP_SPINCOUNT", *kPolicy = "OMP_WAIT_POLICY";
    if (std::getenv(kSpins) != nullptr || std::getenv(kPolicy) != nullptr || setenv(kSpins, "4000", 1) != 0)
        return;
    execv("/proc/self/exe", argv);
}

} // namespace sparsescope
