#include "widgets/plots/colour_bar.h"

#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"

#include <QFontMetricsF>
#include <QImage>
#include <QLocale>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr int kMostTicks = 7;

QString tickText(double value)
{
    if (value == 0) {
        return QStringLiteral("0");
    }
    QString text = QLocale::c().toString(value, 'g', 3);
    text.replace(QLatin1String("e-0"), QLatin1String("e-"));
    text.replace(QLatin1Char('-'), QChar(0x2212));
    return text;
}

} // namespace

std::vector<double> colourBarTicks(const ColourScale &scale)
{
    std::vector<double> ticks;
    if (!(scale.high > scale.low)) {
        return {scale.low};
    }
    if (scale.logarithmic) {
        for (int decade = static_cast<int>(std::floor(std::log10(scale.low))); std::pow(10, decade) <= scale.high;
             ++decade) {
            for (const double digit : {1.0, 2.0, 5.0}) {
                const double value = digit * std::pow(10, decade);
                if (value >= scale.low * (1 - 1e-9) && value <= scale.high * (1 + 1e-9)) {
                    ticks.push_back(value);
                }
            }
        }
        // Too many for the bar: whole decades say enough.
        if (static_cast<int>(ticks.size()) > kMostTicks + 2) {
            std::erase_if(ticks, [](double v) { return std::abs(std::log10(v) - std::round(std::log10(v))) > 1e-6; });
        }
        return ticks;
    }
    const double raw = (scale.high - scale.low) / (kMostTicks - 2);
    const double magnitude = std::pow(10, std::floor(std::log10(raw)));
    double step = magnitude;
    for (const double digit : {1.0, 2.0, 2.5, 5.0, 10.0}) {
        step = digit * magnitude;
        if (step >= raw) {
            break;
        }
    }
    for (double k = std::ceil(scale.low / step - 1e-9); k * step <= scale.high * (1 + 1e-12) + 1e-12; ++k) {
        ticks.push_back(std::abs(k) < 1e-9 ? 0 : k * step);
    }
    return ticks;
}

void paintColourBar(QPainter &painter, const QRectF &box, const ColourScale &scale, const Tokens &tokens)
{
    const ColourTable &table = colourTable(scale.map, tokens.dark);
    QImage ramp(1, static_cast<int>(table.size()), QImage::Format_RGB32);
    for (int i = 0; i < ramp.height(); ++i) {
        ramp.setPixel(0, i, table[table.size() - 1 - static_cast<std::size_t>(i)]);
    }
    painter.save();
    painter.drawImage(box, ramp);
    painter.setRenderHint(QPainter::Antialiasing, false);
    painter.setBrush(Qt::NoBrush);
    painter.setPen(tokens.border);
    painter.drawRect(box.adjusted(-0.5, -0.5, 0.5, 0.5));
    painter.setFont(uiFont(11));
    for (const double value : colourBarTicks(scale)) {
        const double y = box.bottom() - box.height() * std::clamp(scale.position(value), 0.0, 1.0);
        painter.setPen(tokens.hint);
        painter.drawLine(QPointF(box.right() + 1, y), QPointF(box.right() + 4, y));
        painter.setPen(tokens.text2);
        painter.drawText(QRectF(box.right() + 7, y - 8, kColourBarLabelWidth - 7, 16), Qt::AlignLeft | Qt::AlignVCenter,
                         tickText(value));
    }
    const QRectF swatch(box.left(), box.bottom() + 14, 12, 12);
    paintStateSwatch(painter, swatch, KeyState::Future, tokens);
    painter.setFont(uiFont(11));
    painter.setPen(tokens.text2);
    painter.drawText(QRectF(swatch.left(), swatch.bottom() + 2, kColourBarWidth + kColourBarLabelWidth, 16),
                     Qt::AlignLeft | Qt::AlignVCenter, QStringLiteral("Future"));
    painter.restore();
}

void paintColourRamp(QPainter &painter, const QRectF &box, const ColourScale &scale, const QString &title,
                     const Tokens &tokens)
{
    const ColourTable &table = colourTable(scale.map, tokens.dark);
    QImage ramp(static_cast<int>(table.size()), 1, QImage::Format_RGB32);
    for (int i = 0; i < ramp.width(); ++i) {
        ramp.setPixel(i, 0, table[static_cast<std::size_t>(i)]);
    }
    painter.save();
    painter.setFont(uiFont(11));
    painter.setPen(tokens.text2);
    painter.drawText(QRectF(box.left(), box.top(), box.width(), 15), Qt::AlignLeft | Qt::AlignVCenter, title);
    const QRectF bar(box.left(), box.top() + 16, box.width(), 10);
    painter.drawImage(bar, ramp);
    painter.setRenderHint(QPainter::Antialiasing, false);
    painter.setBrush(Qt::NoBrush);
    painter.setPen(tokens.border);
    painter.drawRect(bar.adjusted(-0.5, -0.5, 0.5, 0.5));
    painter.setPen(tokens.text2);
    const QFontMetricsF metrics(painter.font());
    double taken = -1e9; // numbers never run into each other
    for (const double value : colourBarTicks(scale)) {
        const QString text = tickText(value);
        const double width = metrics.horizontalAdvance(text);
        const double x = bar.left() + bar.width() * std::clamp(scale.position(value), 0.0, 1.0);
        const double left = std::clamp(x - width / 2, bar.left(), bar.right() - width);
        if (left > taken + 6) {
            painter.drawText(QRectF(left, bar.bottom() + 2, width + 2, 14), Qt::AlignLeft | Qt::AlignVCenter, text);
            taken = left + width;
        }
    }
    painter.restore();
}

} // namespace sparsescope
