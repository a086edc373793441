#pragma once

#include "widgets/style/tokens.h"

#include <nlohmann/json.hpp>

#include <QSizeF>
#include <QString>

class QPainter;

namespace sparsescope {

/// What can be taken home as a figure and as data. What is visible is what is exported: range, hidden series, limits.
class ExportableView {
public:
    virtual ~ExportableView() = default;

    /// One line: "Index score, layer 1, step 3,200". Also proposes the file name.
    virtual QString figureTitle() const = 0;
    /// Natural size in pixels at scale 1.
    virtual QSizeF figureSize() const = 0;
    /// The narrowest that it can be drawn anew with its words whole, pixels at scale 1; narrower it is shrunk as it stands.
    /// A view with no other width than its own keeps its drawing and is scaled.
    virtual double smallestWidth() const { return figureSize().width(); }
    /// A table goes out as PDF and CSV: no picture is made of text.
    virtual bool isTable() const { return false; }
    /// Paints the whole figure into (0, 0, size): title, axes, legend and colour bar included, text as text, in the
    /// colours of `tokens`, which need not be those of the screen.
    virtual void paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const = 0;
    /// The data that the figure shows: a header line, then rows; C locale, 9 digits, no comment lines.
    virtual QString csv() const = 0;
    /// Goes into the .json beside the CSV: run, config, seed, step, version, ... as far as known.
    virtual nlohmann::ordered_json exportContext() const = 0;
};

} // namespace sparsescope
