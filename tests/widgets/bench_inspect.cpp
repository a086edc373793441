#include "tests/widgets/frame_times.h"
#include "tests/widgets/random_snapshot.h"
#include "widgets/plots/atlas_view.h"
#include "widgets/plots/indexer_heatmap.h"
#include "widgets/style/theme.h"

#include <QApplication>

#include <algorithm>
#include <cstdio>
#include <vector>

/// How fast the Inspect page is, in numbers: 6 layers of 13 maps from a snapshot in memory to pixels; first paint, pan, zoom
/// and hover on maps of 2,048 x 2,048 and 4,096 x 4,096. A program, not a test: it fails for nothing.
using namespace sparsescope;

namespace {

/// Paints as the screen would, into memory.
void paint(QWidget &widget)
{
    static QImage image;
    if (image.size() != widget.size()) {
        image = QImage(widget.size(), QImage::Format_RGB32);
    }
    widget.render(&image);
}

void benchAtlas()
{
    const auto snapshot = randomSnapshot(256, 6, 32);
    ViewState view;
    AtlasView atlas(&view);
    atlas.setSide(AtlasView::kMediumSide);
    atlas.resize(1300, 620);
    report("6 layers x 13 maps, L 256: snapshot to pixels",
           timed(40,
                 [&](int) {
                     AtlasMaker maker;
                     AtlasRequest request;
                     request.snapshot = snapshot;
                     auto picture = std::make_shared<AtlasPicture>(maker.make(request));
                     while (!picture->complete) {
                         *picture = maker.make(request);
                     }
                     atlas.setPicture(picture);
                     paint(*atlas.viewport());
                 }),
           50);
    report("  of that on the GUI thread: paint", timed(60, [&](int) { paint(*atlas.viewport()); }), 16);
}

void benchMap(int length)
{
    const auto snapshot = randomSnapshot(length, 1, length / 8);
    ViewState view;
    HoverState hover;
    IndexerHeatmap map(&view, &hover);
    map.resize(860, 820);
    MapRequest request;
    request.snapshot = snapshot;
    std::shared_ptr<const LayerPicture> picture;
    const auto name = [length](const char *what) { return "map " + std::to_string(length) + ": " + what; };
    PictureMaker maker;
    report(name("index scores and colours from the snapshot"),
           timed(1, [&](int) { picture = std::make_shared<const LayerPicture>(maker.make(request)); }), 250);
    report(name("then mask, metrics, distances (off thread too)"),
           timed(1, [&](int) { picture = std::make_shared<const LayerPicture>(maker.make(request)); }));
    report(name("other limits: colour again"), timed(3, [&](int i) {
               MapRequest other = request;
               other.limits = Limits{0.1, 4.0 + i};
               maker.make(other);
           }));
    report(name("first paint"),
           timed(20,
                 [&](int) {
                     map.setPicture(nullptr);
                     map.setPicture(picture);
                     paint(map);
                 }),
           length > 2048 ? 150 : 60);
    report(name("hover, a frame"),
           timed(200,
                 [&](int i) {
                     hover.setCell(length - 1 - i, i);
                     paint(map);
                 }),
           16);
    hover.clearCell();
    report(name("zoom, a frame"),
           timed(60,
                 [&](int i) {
                     i % 30 < 15 ? map.zoomBy(kZoomStep) : map.zoomBy(1 / kZoomStep);
                     paint(map);
                 }),
           length > 2048 ? 16 : 8);
    for (const double cell : {0.8, 3.0, 12.0}) {
        const std::string what = name("pan, a frame, ") + QString::number(cell).toStdString() + " px a cell";
        report(what,
               timed(100,
                     [&](int i) {
                         view.setWindow(MapWindow{length, 3.0 * i, 5.0 * i, cell});
                         paint(map);
                     }),
               length > 2048 ? 16 : 8);
    }
    view.setOverlay(true);
    view.setWindow(MapWindow{length, 0, length / 2.0, 4});
    report(name("a frame with the mask over it, 4 px a cell"), timed(40, [&](int) { paint(map); }), 16);
    report(name("a query's row (off thread)"), timed(40, [&](int i) { makeRow({snapshot, 0, length - 1 - i}); }), 33);
}

} // namespace

int main(int argc, char **argv)
{
    if (!qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) {
        qputenv("QT_QPA_PLATFORM", "offscreen");
    }
    QApplication application(argc, argv);
    applyTheme(application, Theme::Light);
    benchAtlas();
    benchMap(2048);
    benchMap(4096);
    return 0;
}
