#include "widgets/state/number_text.h"

#include <QRegularExpression>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

QString fixed(double value, int decimals)
{
    QString text = QString::number(value, 'f', decimals);
    if (text.startsWith(QLatin1Char('-'))) {
        text.replace(0, 1, QChar(0x2212));
    }
    return text;
}

bool known(std::optional<double> value) { return value && !std::isnan(*value); }

} // namespace

QString unknownText() { return QStringLiteral("–"); }

QString lossText(std::optional<double> nats) { return known(nats) ? fixed(*nats, 3) : unknownText(); }

QString shareText(std::optional<double> share) { return share ? QString::number(*share, 'f', 3) : unknownText(); }

QString countText(std::int64_t count)
{
    QString digits = QString::number(std::abs(count));
    for (qsizetype at = digits.size() - 3; at > 0; at -= 3) {
        digits.insert(at, QLatin1Char(','));
    }
    return count < 0 ? QChar(0x2212) + digits : digits;
}

QString percentText(std::optional<double> share)
{
    return known(share) ? fixed(100 * *share, 1) + QStringLiteral(" %") : unknownText();
}

QString significantText(std::optional<double> value, int digits)
{
    if (!known(value)) {
        return unknownText();
    }
    if (*value == 0 || std::isinf(*value)) {
        return *value == 0 ? QStringLiteral("0") : QStringLiteral("∞");
    }
    const double magnitude = std::abs(*value);
    if (magnitude >= 1e6 || magnitude < 1e-3) { // a column has room for seven characters: 8.00e-4, not 0.000800
        static const QRegularExpression padding(QStringLiteral("e([+-])0"));
        QString text = QString::number(*value, 'e', digits - 1).replace(padding, QStringLiteral("e\\1"));
        text.replace(QStringLiteral("e+"), QStringLiteral("e"));
        return text.startsWith(QLatin1Char('-')) ? text.replace(0, 1, QChar(0x2212)) : text;
    }
    return fixed(*value, std::clamp(digits - 1 - static_cast<int>(std::floor(std::log10(magnitude))), 0, 8));
}

QString signedText(std::optional<double> value, int decimals)
{
    if (!known(value)) {
        return unknownText();
    }
    return *value >= 0 ? QLatin1Char('+') + fixed(*value, decimals) : fixed(*value, decimals);
}

QString bytesText(std::optional<double> bytes)
{
    if (!known(bytes)) {
        return unknownText();
    }
    if (*bytes >= 1e9) {
        return fixed(*bytes / 1e9, 2) + QStringLiteral(" GB");
    }
    return *bytes >= 1e6 ? fixed(*bytes / 1e6, 0) + QStringLiteral(" MB")
                         : fixed(*bytes / 1e3, 0) + QStringLiteral(" kB");
}

QString durationText(double seconds)
{
    const auto whole = static_cast<std::int64_t>(std::llround(std::max(0.0, seconds)));
    if (whole < 60) {
        return QStringLiteral("%1 s").arg(whole);
    }
    if (whole < 3600) {
        return QStringLiteral("%1 min %2 s").arg(whole / 60).arg(whole % 60, 2, 10, QLatin1Char('0'));
    }
    return QStringLiteral("%1 h %2 min").arg(whole / 3600).arg(whole % 3600 / 60, 2, 10, QLatin1Char('0'));
}

QString roughDurationText(double seconds)
{
    const double unit = seconds < 60 ? 5 : seconds < 600 ? 30 : seconds < 3600 ? 60 : 600;
    return durationText(std::max(unit, unit * std::round(seconds / unit))).remove(QStringLiteral(" 00 s"));
}

QString parametersText(double count)
{
    if (count >= 1e6) {
        return fixed(count / 1e6, count >= 1e8 ? 0 : 1) + QStringLiteral(" M");
    }
    return count >= 1e3 ? fixed(count / 1e3, 1) + QStringLiteral(" K") : fixed(count, 0);
}

} // namespace sparsescope
