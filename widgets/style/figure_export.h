#pragma once

#include "widgets/plots/view.h"

#include <QImage>
#include <QSizeF>
#include <QString>
#include <QStringList>

namespace sparsescope {

enum class FigureFormat { Png, Svg, Pdf, Csv };

struct FigureOptions {
    Theme theme = Theme::Light; ///< light for print, or the theme of the screen
    double scale = 2;           ///< PNG: device pixels per pixel, 1 to 4
    double width = 0;           ///< mm on paper; 0: the view's natural width
};

/// What a figure of some width becomes.
struct FigureMeasure {
    QSizeF painted;  ///< pixels at scale 1 that the view paints into
    double zoom = 1; ///< of them on paper
    QSizeF paper;    ///< mm
};

/// How wide a view is on paper where nobody asks for another width, mm.
double naturalWidth(const ExportableView &view);
FigureMeasure measureFigure(const ExportableView &view, const FigureOptions &options);
/// The figure as it will be, as large as it fits into `box`; `dpr` device pixels per pixel of the box.
QImage previewFigure(const ExportableView &view, const FigureOptions &options, QSizeF box, double dpr);

/// By the suffix: .png, .svg, .pdf, .csv. Throws Failure for another one.
FigureFormat figureFormat(const QString &path);

/// Writes the view to `path` in the format of its suffix; a CSV gets its context as .json beside it. Every file is
/// written to a temporary file first, then renamed: a failure leaves what was there. Throws Failure (folder gone,
/// not writable, disk full) naming the file. Returns the files written.
QStringList exportFigure(const ExportableView &view, const QString &path, const FigureOptions &options = {});

/// A file name (no folder, no suffix) made from the view's title: "index-score-layer-1-step-3200".
QString proposedFileName(const ExportableView &view);

/// Number for a CSV: C locale, 9 digits; NaN is an empty cell.
QString csvNumber(double value);
/// Quotes a text cell where commas, quotes or line ends need it.
QString csvText(const QString &text);

} // namespace sparsescope
