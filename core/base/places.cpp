#include "core/base/places.h"

#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace fs = std::filesystem;

namespace sparsescope {

std::optional<Error> notAFolder(const fs::path &place, const std::string &wanted)
{
    std::error_code code;
    if (fs::is_directory(place, code))
        return std::nullopt;
    if (fs::exists(place, code))
        return Error{"is a file", place.string(), "", wanted, ""};
    return Error{"no such folder", place.empty() ? "\"\"" : place.string(), "", wanted, ""};
}

std::optional<Error> takesNoFiles(const fs::path &folder, const std::string &option)
{
    std::error_code code;
    std::string trial = (folder / ".sparsescope-XXXXXX").string();
    if (::mkdtemp(trial.data())) {
        fs::remove(trial, code);
        return std::nullopt;
    }
    const int why = errno;
    const std::string first = why == ENOSPC                                   ? "Make room there, or choose"
                              : why == EACCES || why == EPERM || why == EROFS ? "Change its permissions, or choose"
                                                                              : "Choose";
    return Error{"the output folder cannot be written", option, folder.string() + ": " + std::strerror(why), "",
                 first + " another " + option + "."};
}

std::string seenFrom(const fs::path &folder, const std::string &text)
{
    const std::string start = (folder / "").string();
    const auto partOfAName = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '.' || c == '_' || c == '-';
    };
    std::string seen;
    std::size_t from = 0;
    for (std::size_t at = text.find(start); !folder.empty() && at != std::string::npos; at = text.find(start, at + 1)) {
        if (at < from || (at > 0 && partOfAName(text[at - 1])))
            continue;
        seen += text.substr(from, at - from);
        from = at + start.size();
    }
    return seen + text.substr(from);
}

} // namespace sparsescope
