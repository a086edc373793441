#include "core/base/swept_values.h"

#include "core/base/config.h"

#include <algorithm>
#include <tuple>

namespace sparsescope {

std::map<std::string, std::vector<std::string>> sweptValues(const std::filesystem::path &experimentFolder)
{
    const std::filesystem::path file = experimentFolder / "experiment.json";
    std::error_code code;
    if (!std::filesystem::exists(file, code))
        return {};
    std::map<std::string, std::vector<std::string>> values;
    try {
        for (const RunConfig &run : expand(loadExperiment(file))) {
            for (const auto &[axis, value] : run.extraAxes) {
                std::vector<std::string> &known = values[axis];
                if (std::find(known.begin(), known.end(), value) == known.end())
                    known.push_back(value);
            }
        }
    } catch (const std::exception &) {
        return {};
    }
    return values;
}

bool standsBefore(const std::string &one, const std::string &other, const std::vector<std::string> &sweep)
{
    const auto place = [&](const std::string &value) {
        return std::tuple(std::find(sweep.begin(), sweep.end(), value) - sweep.begin(), value.size(), value);
    };
    return place(one) < place(other);
}

std::string axesText(const SweptAxes &axes)
{
    std::string text;
    for (const auto &[axis, value] : axes)
        text += (text.empty() ? "" : ", ") + axis + " " + value;
    return text;
}

} // namespace sparsescope
