#pragma once

#include "core/train/train_run.h"

#include <QSize>
#include <QString>

#include <filesystem>
#include <optional>

namespace sparsescope {

struct ScreenshotOptions {
    QString view;               ///< first-run, train, form, atlas, focus, compare, checkpoint, export, ...
    std::filesystem::path runs; ///< empty: none; an experiment file for form, a checkpoint for checkpoint
    QSize size;                 ///< logical pixels; none: 1600 x 1000, of a dialog its own
    QString out;
    QString run;          ///< id of the run to show; empty: the first that selects keys
    QString sideA, sideB; ///< of compare: "seq_64/sparse"; empty: the page's own choice
    /// The device that the window finds; empty: none is looked for, so that every machine draws the same.
    std::optional<DeviceInfo> device;
    QString beside; ///< a picture to put at the left of it, as high as it; empty: none
};

/// Draws the window as it stands on those runs and writes it as PNG. The application's theme and scale are already set.
/// Repeats bit for bit: clock, ETA, device name and animation are frozen. Throws Failure.
void takeScreenshot(const ScreenshotOptions &options);

} // namespace sparsescope
