#include "widgets/style/figure_export.h"

#include "core/base/error.h"

#include <QBuffer>
#include <QFileInfo>
#include <QImage>
#include <QLocale>
#include <QPageSize>
#include <QPainter>
#include <QPdfWriter>
#include <QSaveFile>
#include <QStorageInfo>
#include <QSvgGenerator>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr double kPdfDotsPerInch = 1200;
constexpr double kScreenDotsPerInch = 96; // one pixel of a figure is 1/96 inch on paper
constexpr double kMillimetresPerInch = 25.4, kMillimetresPerMetre = 1000;
constexpr double kMillimetresPerPixel = kMillimetresPerInch / kScreenDotsPerInch;

void writeFile(const QString &path, const QByteArray &content)
{
    QSaveFile file(path);
    const bool written = file.open(QIODevice::WriteOnly) && file.write(content) == content.size() && file.commit();
    if (!written) {
        // Of a full disk Qt says "Unknown error".
        const qint64 room = QStorageInfo(QFileInfo(path).absolutePath()).bytesAvailable();
        const QString reason =
            room >= 0 && room < content.size() ? QStringLiteral("No space left on device") : file.errorString();
        throw Failure({"could not write the export", path.toStdString(), reason.toStdString(), "",
                       "Choose a folder that exists and is writable, with free space"});
    }
}

void paintOn(QPainter &painter, const ExportableView &view, QSizeF size, const Tokens &tokens)
{
    painter.fillRect(QRectF({}, size), tokens.panel);
    view.paintFigure(painter, size, tokens);
}

/// With `scale` device pixels a pixel; 1 or more.
QImage imageOf(const ExportableView &view, QSizeF size, double scale, const Tokens &tokens)
{
    QImage image((size * scale).toSize(), QImage::Format_ARGB32_Premultiplied);
    image.setDevicePixelRatio(scale);
    image.fill(tokens.panel);
    QPainter painter(&image);
    view.paintFigure(painter, size, tokens);
    return image;
}

QByteArray png(const ExportableView &view, const FigureMeasure &measure, const FigureOptions &options)
{
    QImage image = imageOf(view, measure.painted, std::clamp(options.scale, 1.0, 4.0), tokens(options.theme));
    // Pixels stay whole; how large they are on paper is said beside them.
    const int dots = static_cast<int>(std::lround(image.width() / (measure.paper.width() / kMillimetresPerMetre)));
    image.setDotsPerMeterX(dots);
    image.setDotsPerMeterY(dots);
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    image.save(&buffer, "PNG");
    return bytes;
}

QByteArray svg(const ExportableView &view, const FigureMeasure &measure, const FigureOptions &options)
{
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    QSvgGenerator generator;
    generator.setOutputDevice(&buffer);
    generator.setTitle(view.figureTitle());
    generator.setResolution(static_cast<int>(kScreenDotsPerInch));
    generator.setSize((measure.painted * measure.zoom).toSize());
    generator.setViewBox(QRectF({}, measure.painted));
    QPainter painter(&generator);
    paintOn(painter, view, measure.painted, tokens(options.theme));
    painter.end();
    return bytes;
}

QByteArray pdf(const ExportableView &view, const FigureMeasure &measure, const FigureOptions &options)
{
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    QPdfWriter writer(&buffer);
    writer.setTitle(view.figureTitle());
    writer.setResolution(static_cast<int>(kPdfDotsPerInch));
    writer.setPageSize(QPageSize(measure.paper, QPageSize::Millimeter, {}, QPageSize::ExactMatch));
    writer.setPageMargins({});
    QPainter painter(&writer);
    const double dots = kPdfDotsPerInch / kScreenDotsPerInch * measure.zoom;
    painter.scale(dots, dots);
    paintOn(painter, view, measure.painted, tokens(options.theme));
    painter.end();
    return bytes;
}

} // namespace

double naturalWidth(const ExportableView &view) { return view.figureSize().width() * kMillimetresPerPixel; }

FigureMeasure measureFigure(const ExportableView &view, const FigureOptions &options)
{
    const QSizeF natural = view.figureSize();
    const double asked = options.width > 0 ? options.width / kMillimetresPerPixel : natural.width();
    const double smallest = view.smallestWidth();
    const double width = smallest < natural.width() ? std::max(asked, smallest) : natural.width();
    FigureMeasure measure;
    measure.painted = natural * (width / natural.width());
    measure.zoom = asked / width;
    measure.paper = measure.painted * measure.zoom * kMillimetresPerPixel;
    return measure;
}

QImage previewFigure(const ExportableView &view, const FigureOptions &options, QSizeF box, double dpr)
{
    const QSizeF painted = measureFigure(view, options).painted;
    const double scale = std::min(box.width() / painted.width(), box.height() / painted.height()) * dpr;
    const QImage whole = imageOf(view, painted, std::max(1.0, scale), tokens(options.theme));
    QImage image =
        whole.scaled((painted * scale).toSize().expandedTo({1, 1}), Qt::IgnoreAspectRatio, Qt::SmoothTransformation);
    image.setDevicePixelRatio(dpr);
    return image;
}

FigureFormat figureFormat(const QString &path)
{
    const QString suffix = QFileInfo(path).suffix().toLower();
    if (suffix == QLatin1String("png")) {
        return FigureFormat::Png;
    }
    if (suffix == QLatin1String("svg")) {
        return FigureFormat::Svg;
    }
    if (suffix == QLatin1String("pdf")) {
        return FigureFormat::Pdf;
    }
    if (suffix == QLatin1String("csv")) {
        return FigureFormat::Csv;
    }
    throw Failure({"unknown export format", path.toStdString(), suffix.isEmpty() ? "no suffix" : suffix.toStdString(),
                   ".png, .svg, .pdf or .csv", ""});
}

QStringList exportFigure(const ExportableView &view, const QString &path, const FigureOptions &options)
{
    const FigureMeasure measure = measureFigure(view, options);
    switch (figureFormat(path)) {
    case FigureFormat::Png:
        writeFile(path, png(view, measure, options));
        return {path};
    case FigureFormat::Svg:
        writeFile(path, svg(view, measure, options));
        return {path};
    case FigureFormat::Pdf:
        writeFile(path, pdf(view, measure, options));
        return {path};
    case FigureFormat::Csv:
        break;
    }
    const QFileInfo info(path);
    const QString context = info.path() + QLatin1Char('/') + info.completeBaseName() + QStringLiteral(".json");
    writeFile(path, view.csv().toUtf8());
    writeFile(context, QByteArray::fromStdString(view.exportContext().dump(2)) + '\n');
    return {path, context};
}

QString proposedFileName(const ExportableView &view)
{
    QString name;
    for (const QChar c : view.figureTitle().toLower()) {
        if (c.isLetterOrNumber()) {
            name += c;
        } else if (c != QLatin1Char(',') && !name.isEmpty() && !name.endsWith(QLatin1Char('-'))) {
            name += QLatin1Char('-');
        }
    }
    while (name.endsWith(QLatin1Char('-'))) {
        name.chop(1);
    }
    return name.isEmpty() ? QStringLiteral("figure") : name;
}

QString csvNumber(double value) { return std::isnan(value) ? QString() : QLocale::c().toString(value, 'g', 9); }

QString csvText(const QString &text)
{
    if (!text.contains(QLatin1Char(',')) && !text.contains(QLatin1Char('"')) && !text.contains(QLatin1Char('\n')) &&
        !text.contains(QLatin1Char('\r'))) {
        return text;
    }
    QString quoted = text;
    quoted.replace(QLatin1Char('"'), QStringLiteral("\"\""));
    return QLatin1Char('"') + quoted + QLatin1Char('"');
}

} // namespace sparsescope
