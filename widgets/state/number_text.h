#pragma once

#include <QString>

#include <cstdint>
#include <optional>

/// How numbers are written on screen (files and CSV use the C locale instead). Unknown is a dash, never 0.
namespace sparsescope {

QString unknownText();                                                ///< "–"
QString lossText(std::optional<double> nats);                         ///< "3.968"
QString shareText(std::optional<double> share);                       ///< 0.298 -> "0.298"
QString countText(std::int64_t count);                                ///< "3,200"
QString percentText(std::optional<double> share);                     ///< 0.298 -> "29.8 %"
QString significantText(std::optional<double> value, int digits = 3); ///< "52.9", "0.0131"
QString signedText(std::optional<double> value, int decimals = 3);    ///< "+0.006", "−0.012"
QString bytesText(std::optional<double> bytes);                       ///< "1.84 GB", "46 MB"
QString durationText(double seconds);                                 ///< "1 min 18 s", "4 h 40 min"
QString roughDurationText(double seconds); ///< "2 min 30 s", "25 s", "4 h 40 min": what is not known better
QString parametersText(double count);      ///< "11.6 M", "41.2 K"

} // namespace sparsescope
