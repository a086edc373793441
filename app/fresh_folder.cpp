#include "app/fresh_folder.h"

#include <system_error>

namespace sparsescope {

std::filesystem::path freshFolder(const std::filesystem::path &parent, const std::string &name)
{
    std::error_code ignored;
    std::filesystem::path folder = parent / name;
    for (int number = 2; std::filesystem::exists(folder, ignored); ++number) {
        folder = parent / (name + "-" + std::to_string(number));
    }
    return folder;
}

} // namespace sparsescope
