#include "app/lower_priority.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sparsescope {

void lowerPriority()
{
    constexpr int kNice = 10; // measured: enough for a smooth window on two cores
    setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNice);
}

} // namespace sparsescope
