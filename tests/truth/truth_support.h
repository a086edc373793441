#pragma once

#include "core/base/safetensors.h"
#include "core/model/weight_files.h"

#include <ATen/core/Tensor.h>

#include <QString>
#include <QtGlobal>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

/// What the truth tests share.
namespace sparsescope::truth {

inline std::filesystem::path folder()
{
    if (const char *given = std::getenv("SPARSESCOPE_TRUTH")) {
        return given;
    }
    const char *source = std::getenv("SPARSESCOPE_SOURCE");
    return std::filesystem::path(source ? source : ".") / "tests/truth";
}

/// Entries whose name starts so, sorted.
inline std::vector<std::filesystem::path> entries(const std::string &start)
{
    std::vector<std::filesystem::path> found;
    std::error_code missing;
    for (const auto &entry : std::filesystem::directory_iterator(folder(), missing)) {
        if (entry.path().filename().string().starts_with(start)) {
            found.push_back(entry.path());
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

inline at::Tensor read(const SafetensorsFile &file, const std::string &name) { return toTensor(file.at(name), name); }

/// How far `found` is beyond atol + rtol |expected|: empty within, else the worst place in words.
inline QString difference(const at::Tensor &found, const at::Tensor &expected, double rtol, double atol)
{
    if (found.sizes() != expected.sizes()) {
        return QString("shape %1, expected %2")
            .arg(QString::fromStdString(shapeText(found.sizes().vec())),
                 QString::fromStdString(shapeText(expected.sizes().vec())));
    }
    const at::Tensor a = found.detach().to(at::kDouble).contiguous().view({-1});
    const at::Tensor b = expected.detach().to(at::kDouble).contiguous().view({-1});
    const double *left = a.const_data_ptr<double>(), *right = b.const_data_ptr<double>();
    double worst = 0;
    std::int64_t place = -1;
    for (std::int64_t i = 0; i < a.numel(); ++i) {
        const double allowed = atol + rtol * std::abs(right[i]);
        const double share =
            allowed > 0 ? std::abs(left[i] - right[i]) / allowed : (left[i] == right[i] ? 0.0 : INFINITY);
        if (!(share <= 1.0) && (place < 0 || share > worst)) { // NaN counts as wrong
            worst = share;
            place = i;
        }
    }
    if (place < 0) {
        return {};
    }
    return QString("element %1 of %2: %3, expected %4 (%5 times the tolerance)")
        .arg(place)
        .arg(a.numel())
        .arg(left[place], 0, 'g', 17)
        .arg(right[place], 0, 'g', 17)
        .arg(worst);
}

} // namespace sparsescope::truth

/// Fails the test function with the name of what differs.
#define TRUTH_CLOSE(what, found, expected, rtol, atol)                                                                 \
    do {                                                                                                               \
        const QString wrong = sparsescope::truth::difference(found, expected, rtol, atol);                             \
        QVERIFY2(wrong.isEmpty(), qPrintable(QString::fromStdString(what) + ": " + wrong));                            \
    } while (false)
