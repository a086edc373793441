#pragma once

#include <QColor>
#include <QHash>
#include <QImage>
#include <QPaintEngine>
#include <QPainter>
#include <QSet>
#include <QWidget>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

/// What is written on a widget and how well it stands out there, found by painting it twice: once for the words and their
/// colours, once for the ground that they stand on.
namespace sparsescope::test {

/// Contrast of two opaque colours, 1 to 21. Source: WCAG 2.1, relative luminance and contrast ratio.
inline double contrast(const QColor &one, const QColor &other)
{
    const auto luminance = [](const QColor &colour) {
        const auto linear = [](double part) {
            return part <= 0.03928 ? part / 12.92 : std::pow((part + 0.055) / 1.055, 2.4);
        };
        return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF());
    };
    const double a = luminance(one), b = luminance(other);
    return (std::max(a, b) + 0.05) / (std::min(a, b) + 0.05);
}

/// `colour` as it looks on `ground`.
inline QColor over(const QColor &colour, double opacity, const QColor &ground)
{
    const double share = colour.alphaF() * opacity;
    const auto blend = [share](double front, double back) { return share * front + (1 - share) * back; };
    return QColor::fromRgbF(static_cast<float>(blend(colour.redF(), ground.redF())),
                            static_cast<float>(blend(colour.greenF(), ground.greenF())),
                            static_cast<float>(blend(colour.blueF(), ground.blueF())));
}

struct DrawnText {
    QString text;
    QColor colour;
    double opacity = 1;
    QRectF box;         ///< in units of the painted thing, without what is clipped away
    bool large = false; ///< at least 24 px, or 18.66 px bold
};

/// Takes down texts and draws nothing.
class TextEngine : public QPaintEngine {
public:
    TextEngine()
        : QPaintEngine(QPaintEngine::AllFeatures)
    {}
    bool begin(QPaintDevice *) override { return true; }
    bool end() override { return true; }
    void updateState(const QPaintEngineState &) override {}
    void drawPixmap(const QRectF &, const QPixmap &, const QRectF &) override {}
    void drawPath(const QPainterPath &) override {}
    void drawPolygon(const QPointF *, int, PolygonDrawMode) override {}
    void drawImage(const QRectF &, const QImage &, const QRectF &, Qt::ImageConversionFlags) override {}
    Type type() const override { return QPaintEngine::User; }
    void drawTextItem(const QPointF &at, const QTextItem &item) override
    {
        const QRectF whole = state->transform().mapRect(
            QRectF(at.x(), at.y() - item.ascent(), item.width(), item.ascent() + item.descent()));
        QRectF seen = whole;
        if (!systemClip().isEmpty()) {
            seen &= systemClip().boundingRect();
        }
        if (state->isClipEnabled() && painter()->hasClipping()) {
            seen &= state->transform().mapRect(painter()->clipBoundingRect());
        }
        const bool blank = item.text().trimmed().isEmpty();
        if (!blank && seen.width() * seen.height() > 0.5 * whole.width() * whole.height()) {
            const int size = item.font().pixelSize();
            texts.push_back({item.text(), painter()->pen().color(), painter()->opacity(), seen,
                             size >= 24 || (size >= 19 && item.font().bold())});
        }
    }
    std::vector<DrawnText> texts;
};

class TextRecorder : public QPaintDevice {
public:
    explicit TextRecorder(QSize size)
        : m_size(size)
    {}
    QPaintEngine *paintEngine() const override { return &m_engine; }
    const std::vector<DrawnText> &texts() const { return m_engine.texts; }

protected:
    int metric(PaintDeviceMetric metric) const override
    {
        switch (metric) {
        case PdmWidth:
            return m_size.width();
        case PdmHeight:
            return m_size.height();
        case PdmDpiX:
        case PdmDpiY:
        case PdmPhysicalDpiX:
        case PdmPhysicalDpiY:
            return 96;
        case PdmDepth:
            return 32;
        case PdmDevicePixelRatio:
            return 1;
        case PdmDevicePixelRatioScaled:
            return static_cast<int>(QPaintDevice::devicePixelRatioFScale());
        default:
            return 0;
        }
    }

private:
    QSize m_size;
    mutable TextEngine m_engine;
};

/// The colour that most pixels of `box` have.
inline QColor groundOf(const QImage &image, const QRectF &box)
{
    const double ratio = image.devicePixelRatio();
    const QRect area = QRectF(box.topLeft() * ratio, box.size() * ratio).toAlignedRect() & image.rect();
    QHash<QRgb, int> counts;
    for (int y = area.top(); y <= area.bottom(); ++y) {
        for (int x = area.left(); x <= area.right(); ++x) {
            ++counts[image.pixel(x, y) | 0xff000000u];
        }
    }
    QRgb most = 0xffffffffu;
    int highest = 0;
    for (auto at = counts.cbegin(); at != counts.cend(); ++at) {
        if (at.value() > highest) {
            most = at.key();
            highest = at.value();
        }
    }
    return QColor::fromRgb(most);
}

/// The highest contrast of any pixel of `box` to its ground.
inline double highestContrast(const QImage &image, const QRectF &box)
{
    const double ratio = image.devicePixelRatio();
    const QRect area = QRectF(box.topLeft() * ratio, box.size() * ratio).toAlignedRect() & image.rect();
    const QColor ground = groundOf(image, box);
    QSet<QRgb> colours;
    for (int y = area.top(); y <= area.bottom(); ++y) {
        for (int x = area.left(); x <= area.right(); ++x) {
            colours.insert(image.pixel(x, y));
        }
    }
    double highest = 1;
    for (const QRgb colour : colours) {
        highest = std::max(highest, contrast(QColor::fromRgb(colour), ground));
    }
    return highest;
}

/// Texts whose contrast is below 4.5 (large ones: 3), as lines to print. `paint` paints the same thing each time.
inline QStringList faintTexts(QSize size, const std::function<void(QPaintDevice &)> &paint, int &checked)
{
    QImage image(size * 2, QImage::Format_RGB32);
    image.setDevicePixelRatio(2);
    image.fill(Qt::white);
    paint(image);
    TextRecorder recorder(size);
    paint(recorder);
    QStringList faint;
    for (const DrawnText &drawn : recorder.texts()) {
        const QColor ground = groundOf(image, drawn.box), colour = over(drawn.colour, drawn.opacity, ground);
        const double found = contrast(colour, ground);
        ++checked;
        if (found < (drawn.large ? 3.0 : 4.5)) {
            const QPointF at = drawn.box.center();
            faint << QStringLiteral("\"%1\" at %2, %3: %4 on %5 is %6")
                         .arg(drawn.text)
                         .arg(at.x(), 0, 'f', 0)
                         .arg(at.y(), 0, 'f', 0)
                         .arg(colour.name(), ground.name())
                         .arg(found, 0, 'f', 2);
        }
    }
    return faint;
}

} // namespace sparsescope::test
