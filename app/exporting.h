#pragma once

#include "widgets/style/tokens.h"

#include <QString>

#include <filesystem>

namespace sparsescope {

/// What `--export` was asked for.
struct FigureRequest {
    QString figure;             ///< as `--export` names them
    std::filesystem::path runs; ///< folder of an experiment or of a run; of a measurement its file
    QString run; ///< id of the run to draw; empty: the first sparse one. Not for the comparison, which draws all
    QString out; ///< the suffix says the format
    Theme theme = Theme::Light;
    double scale = 2;
    QString sideA, sideB; ///< of the figures of two sides: "seq_64/sparse"; empty: proposed
};

/// No window. A run that cannot be read is left out of the figure, which is written all the same, and named in a Failure at
/// the end. Throws Failure: no runs there, an unknown figure or run, a bad file name, ...
void exportFromRuns(const FigureRequest &request);

} // namespace sparsescope
