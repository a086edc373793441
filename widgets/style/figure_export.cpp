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

QByteArray png(const ExportableView &view, QSizeF size, const FigureOptions &options)
{
    const double scale = std::clamp(options.scale, 1.0, 4.0);
    QImage image((size * scale).toSize(), QImage::Format_ARGB32_Premultiplied);
    image.setDevicePixelRatio(scale);
    image.fill(tokens(options.theme).panel);
    QPainter painter(&image);
    view.paintFigure(painter, size, tokens(options.theme));
    painter.end();
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    image.save(&buffer, "PNG");
    return bytes;
}

QByteArray svg(const ExportableView &view, QSizeF size, const FigureOptions &options)
{
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    QSvgGenerator generator;
    generator.setOutputDevice(&buffer);
    generator.setTitle(view.figureTitle());
    generator.setResolution(static_cast<int>(kScreenDotsPerInch));
    generator.setSize(size.toSize());
    generator.setViewBox(QRectF({}, size));
    QPainter painter(&generator);
    painter.fillRect(QRectF({}, size), tokens(options.theme).panel);
    view.paintFigure(painter, size, tokens(options.theme));
    painter.end();
    return bytes;
}

QByteArray pdf(const ExportableView &view, QSizeF size, const FigureOptions &options)
{
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    QPdfWriter writer(&buffer);
    writer.setTitle(view.figureTitle());
    writer.setResolution(static_cast<int>(kPdfDotsPerInch));
    writer.setPageSize(QPageSize(size / kScreenDotsPerInch, QPageSize::Inch, {}, QPageSize::ExactMatch));
    writer.setPageMargins({});
    QPainter painter(&writer);
    painter.scale(kPdfDotsPerInch / kScreenDotsPerInch, kPdfDotsPerInch / kScreenDotsPerInch);
    painter.fillRect(QRectF({}, size), tokens(options.theme).panel);
    view.paintFigure(painter, size, tokens(options.theme));
    painter.end();
    return bytes;
}

} // namespace

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
    const QSizeF size = options.size.isEmpty() ? view.figureSize() : options.size;
    switch (figureFormat(path)) {
    case FigureFormat::Png:
        writeFile(path, png(view, size, options));
        return {path};
    case FigureFormat::Svg:
        writeFile(path, svg(view, size, options));
        return {path};
    case FigureFormat::Pdf:
        writeFile(path, pdf(view, size, options));
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
