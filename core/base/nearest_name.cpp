#include "core/base/nearest_name.h"

#include <algorithm>
#include <cstddef>

namespace sparsescope {
namespace {

constexpr std::size_t kLongestName = 128; // keeps hostile keys from costing time

std::size_t editDistance(const std::string &a, const std::string &b)
{
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i)
        d[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j)
        d[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + cost});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a.size()][b.size()];
}

std::string lastPart(const std::string &path)
{
    return path.substr(path.rfind('.') + 1); // npos + 1 = 0: the whole
}

std::string parentOf(const std::string &path)
{
    const std::size_t dot = path.rfind('.');
    return dot == std::string::npos ? std::string() : path.substr(0, dot);
}

/// "lr" of "learning_rate".
std::string initials(const std::string &name)
{
    std::string letters;
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (name[i] != '_' && (i == 0 || name[i - 1] == '_'))
            letters += name[i];
    }
    return letters;
}

} // namespace

std::string nearestName(const std::string &name, const std::vector<std::string> &known)
{
    if (name.empty() || name.size() > kLongestName)
        return {};
    std::string best;
    std::size_t bestDistance = 0;
    for (const std::string &candidate : known) {
        if (candidate != name && lastPart(candidate) == lastPart(name))
            return candidate;
        if (parentOf(candidate) == parentOf(name) && initials(lastPart(candidate)) == lastPart(name))
            return candidate;
        if (name.starts_with(candidate + ".")) // the group that was written already
            continue;
        const std::size_t distance = editDistance(name, candidate);
        if (best.empty() || distance < bestDistance) {
            best = candidate;
            bestDistance = distance;
        }
    }
    return bestDistance * 2 <= std::max(best.size(), name.size()) ? best : std::string();
}

std::string listed(const std::vector<std::string> &names)
{
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0)
            text += i + 1 == names.size() ? " or " : ", ";
        text += names[i];
    }
    return text;
}

} // namespace sparsescope
