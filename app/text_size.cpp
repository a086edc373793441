#include "app/text_size.h"

#include <QByteArray>
#include <QSettings>
#include <QString>

#include <algorithm>
#include <iterator>

namespace sparsescope {

namespace {

constexpr double kUsualDpi = 96, kSmallest = 0.5, kLargest = 4;
const char *const kFontDpi = "QT_FONT_DPI", *const kScale = "QT_SCALE_FACTOR";

/// Named, since nobody has told the application its name yet.
QSettings settings() { return QSettings(QStringLiteral("sparsescope"), QStringLiteral("sparsescope")); }

/// A number of the environment; 0 where there is none.
double numberOf(const char *variable) { return qgetenv(variable).toDouble(); }

} // namespace

int chosenTextSize()
{
    const int chosen = settings().value(QStringLiteral("textSize")).toInt();
    return std::find(std::begin(kTextSizes), std::end(kTextSizes), chosen) == std::end(kTextSizes) ? kTextSizes[0]
                                                                                                   : chosen;
}

void chooseTextSize(int percent) { settings().setValue(QStringLiteral("textSize"), percent); }

void enlargeAsChosen()
{
    double factor = chosenTextSize() / 100.0;
    if (const double dpi = numberOf(kFontDpi); dpi > 0) {
        factor *= dpi / kUsualDpi;
        qunsetenv(kFontDpi); // else Qt's own text would grow twice
    }
    if (const double asked = numberOf(kScale); asked > 0) {
        factor *= asked;
    }
    if (factor != 1) {
        qputenv(kScale, QByteArray::number(std::clamp(factor, kSmallest, kLargest)));
    }
}

} // namespace sparsescope
