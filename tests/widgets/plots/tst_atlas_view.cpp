#include "widgets/plots/atlas_view.h"

#include "core/base/selection_metrics.h"
#include "tests/widgets/sample_snapshot.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/theme.h"

#include <QScrollBar>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

using namespace sparsescope;

namespace {

std::shared_ptr<const AtlasPicture> pictureOf(const sample::Options &options, int side = 79)
{
    AtlasMaker maker;
    AtlasRequest request;
    request.snapshot = sample::snapshot(options);
    request.side = side;
    auto picture = std::make_shared<AtlasPicture>(maker.make(request));
    while (!picture->complete) {
        *picture = maker.make(request);
    }
    return picture;
}

} // namespace

class TestAtlasView : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { applyTheme(*qApp, Theme::Light); }

    void everyCellBelongsToOnePixel()
    {
        const ThumbnailGrid grid(128, 79);
        QCOMPARE(grid.side(), 79);
        std::vector<int> cells(79, 0);
        for (int cell = 0; cell < 128; ++cell) {
            ++cells[static_cast<std::size_t>(grid.pixelOf(cell))];
            QVERIFY(cell == 0 || grid.pixelOf(cell) - grid.pixelOf(cell - 1) <= 1);
        }
        QVERIFY(*std::min_element(cells.begin(), cells.end()) >= 1);
        QCOMPARE(ThumbnailGrid(40, 79).side(), 40);
        QCOMPARE(thumbnailSide(40, 79), 40);
        QCOMPARE(thumbnailSide(32, 79), 64);
        QCOMPARE(thumbnailSide(256, 79), 79);
    }

    /// Without a reduction the thumbnails are the maps, in every stage of training.
    void smallMapsAreShownAsTheyAre_data()
    {
        QTest::addColumn<bool>("sparse");
        QTest::newRow("dense") << false;
        QTest::newRow("sparse") << true;
    }
    void smallMapsAreShownAsTheyAre()
    {
        QFETCH(bool, sparse);
        const auto snapshot = sample::snapshot({.length = 70, .sparse = sparse}); // more than a block of rows
        const AtlasLayer made = makeAtlasLayer(*snapshot, 1, 79);
        const LayerSnapshot &layer = snapshot->layers[1];
        const auto same = [](const Map &a, const Map &b) {
            for (int t = 0; t < a.rows; ++t) {
                for (int s = 0; s < a.columns; ++s) {
                    const bool both = std::isnan(a.at(t, s)) == std::isnan(b.at(t, s));
                    if (!both || (s <= t && std::abs(a.at(t, s) - b.at(t, s)) > 2e-5F)) {
                        qWarning("%d, %d: %g and %g", t, s, a.at(t, s), b.at(t, s));
                        return false;
                    }
                }
            }
            return a.rows == b.rows;
        };
        for (int head = 0; head < 4; ++head) {
            QVERIFY(same(made.terms[static_cast<std::size_t>(head)], indexTermMap(layer, 70, head)));
            QVERIFY(
                same(made.attention[static_cast<std::size_t>(head)], attentionMap(layer, 70, snapshot->scale, head)));
        }
        const MaskMap mask = maskMap(layer, 70, snapshot->scale, snapshot->topK);
        for (std::size_t i = 0; i < mask.states.size(); ++i) {
            StateCounts one;
            one.add(mask.states[i]);
            QCOMPARE(countsRgb(made.mask[i], currentTokens()), countsRgb(one, currentTokens()));
        }
        const SelectionMetrics metrics = selectionMetrics(*snapshot, 1);
        QVERIFY(std::abs(*made.massKept - *metrics.massKept) < 1e-5);
        QVERIFY(std::abs(*made.massKeptChance - *metrics.massKeptChance) < 1e-9);
        double shares = 0;
        for (const double share : made.headShare) {
            shares += share;
        }
        QVERIFY(std::abs(shares - 1) < 1e-9);
        QVERIFY(*made.kl > 0);
    }

    void aReducedSumKeepsTheMass()
    {
        const auto snapshot = sample::snapshot({.length = 128});
        const AtlasLayer made = makeAtlasLayer(*snapshot, 0, 64); // 2 x 2 cells a pixel
        const Map whole = attentionMap(snapshot->layers[0], 128, snapshot->scale, 0);
        const Map half = reduceMap(whole, Reducer::Sum);
        // Pixels on the diagonal miss a future cell and are scaled to a whole pixel.
        for (int t = 1; t < 64; ++t) {
            for (int s = 0; s < t; ++s) {
                QVERIFY(std::abs(made.attention[0].at(t, s) - half.at(t, s)) < 1e-5F);
            }
        }
    }

    void oneLimitPerKind()
    {
        const auto picture = pictureOf({.length = 64, .layers = 3});
        QCOMPARE(picture->layers.size(), std::size_t{3});
        QCOMPARE(picture->termScale.low, -picture->termScale.high);
        QVERIFY(picture->attentionScale.logarithmic);
        // The same value has the same colour in every thumbnail.
        const AtlasLayer &layer = *picture->layers[2];
        const ColourTable &table = colourTable(picture->termScale.map, false);
        QCOMPARE(picture->images[2].terms[1].pixel(3, 40),
                 table[static_cast<std::size_t>(picture->termScale.index(layer.terms[1].at(40, 3)))]);
    }

    void clickSelectsAndDoubleClickAsksForFocus()
    {
        ViewState view;
        AtlasView atlas(&view);
        atlas.resize(1100, 400);
        atlas.show();
        atlas.setPicture(pictureOf({.length = 64, .layers = 3}));
        QSignalSpy focus(&atlas, &AtlasView::focusRequested);
        const auto click = [&](int layer, MapKind kind, int head) {
            QTest::mouseClick(atlas.viewport(), Qt::LeftButton, {}, atlas.thumbnailRect(layer, kind, head).center());
        };
        click(2, MapKind::Attention, 3);
        QCOMPARE(view.view().layer, 2);
        QCOMPARE(view.view().map, MapKind::Attention);
        QCOMPARE(view.view().head, 3);
        click(1, MapKind::Mask, -1);
        QCOMPARE(view.view().map, MapKind::Mask);
        QCOMPARE(focus.count(), 0);
        QTest::mouseDClick(atlas.viewport(), Qt::LeftButton, {},
                           atlas.thumbnailRect(0, MapKind::IndexTerm, 1).center());
        QCOMPARE(focus.count(), 1);
        QCOMPARE(view.view().map, MapKind::IndexTerm);
        QCOMPARE(view.view().head, 1);
        // Arrows walk through the thumbnails, across kinds.
        click(0, MapKind::Mask, -1);
        QTest::keyClick(&atlas, Qt::Key_Right);
        QCOMPARE(view.view().map, MapKind::IndexTerm);
        QCOMPARE(view.view().head, 0);
        QTest::keyClick(&atlas, Qt::Key_Down);
        QCOMPARE(view.view().layer, 1);
        QTest::keyClick(&atlas, Qt::Key_Left);
        QCOMPARE(view.view().map, MapKind::Mask);
    }

    void takesTheLargestSizeThatFitsUntilOneIsChosen()
    {
        ViewState view;
        AtlasView atlas(&view);
        atlas.resize(1500, 500);
        atlas.show();
        QSignalSpy side(&atlas, &AtlasView::sideChanged);
        int rows = -1; // whoever hears that others are in sight may ask which at once
        connect(&atlas, &AtlasView::sightChanged, this, [&] { rows = static_cast<int>(atlas.layersInSight().size()); });
        atlas.setPicture(pictureOf({.length = 64, .layers = 2}));
        QCOMPARE(atlas.side(), AtlasView::kLargeSide);
        QCOMPARE(side.count(), 1);
        QCOMPARE(rows, 2);
        atlas.setSide(AtlasView::kSmallSide);
        atlas.setPicture(pictureOf({.length = 64, .layers = 2}));
        QCOMPARE(atlas.side(), AtlasView::kSmallSide);
        AtlasView many(&view);
        many.resize(1500, 500);
        many.show();
        many.setPicture(pictureOf({.length = 64, .layers = 6}));
        QCOMPARE(many.side(), AtlasView::kMediumSide);
    }

    void sortsLayers()
    {
        ViewState view;
        AtlasView atlas(&view);
        const auto picture = pictureOf({.length = 64, .layers = 4});
        atlas.setPicture(picture);
        QCOMPARE(atlas.layerOrder(), (std::vector<int>{0, 1, 2, 3}));
        atlas.setOrder(AtlasOrder::MassKept);
        const std::vector<int> order = atlas.layerOrder();
        for (std::size_t i = 1; i < order.size(); ++i) {
            QVERIFY(*picture->layers[static_cast<std::size_t>(order[i - 1])]->massKept <=
                    *picture->layers[static_cast<std::size_t>(order[i])]->massKept);
        }
        atlas.setOrder(AtlasOrder::Divergence);
        const std::vector<int> byKl = atlas.layerOrder();
        QVERIFY(*picture->layers[static_cast<std::size_t>(byKl.front())]->kl >=
                *picture->layers[static_cast<std::size_t>(byKl.back())]->kl);
    }

    void onlyLayersInSightComeFirst()
    {
        ViewState view;
        AtlasView atlas(&view);
        atlas.resize(900, 42 + 2 * 89);
        atlas.show();
        atlas.setPicture(pictureOf({.length = 32, .layers = 12}));
        QCOMPARE(atlas.layersInSight().front(), 0);
        QVERIFY(atlas.layersInSight().size() < 5);
        atlas.verticalScrollBar()->setValue(atlas.verticalScrollBar()->maximum());
        QCOMPARE(atlas.layersInSight().back(), 11);
        // A slow layer does not hold up the ones that are asked for: what is in sight is made first.
        AtlasMaker maker;
        AtlasRequest request;
        request.snapshot = sample::snapshot({.length = 32, .layers = 12});
        request.first = {11, 10};
        AtlasPicture picture = maker.make(request);
        QVERIFY(picture.layers[11] != nullptr);
        while (!picture.complete) {
            picture = maker.make(request);
        }
        QVERIFY(std::all_of(picture.layers.begin(), picture.layers.end(), [](const auto &l) { return l != nullptr; }));
    }

    void exportsEverything()
    {
        ViewState view;
        AtlasView atlas(&view);
        atlas.setPicture(pictureOf({.length = 40, .layers = 2}));
        QTemporaryDir folder;
        QCOMPARE(proposedFileName(atlas), QStringLiteral("atlas-step-100"));
        exportFigure(atlas, folder.filePath("atlas.png"), {.scale = 2});
        QCOMPARE(QImage(folder.filePath("atlas.png")).size(), (atlas.figureSize() * 2).toSize());
        exportFigure(atlas, folder.filePath("atlas.svg"));
        QFile svg(folder.filePath("atlas.svg"));
        QVERIFY(svg.open(QIODevice::ReadOnly));
        const QByteArray drawn = svg.readAll();
        QVERIFY(drawn.contains("<text") && drawn.contains("<image"));
        const QStringList lines = atlas.csv().split('\n', Qt::SkipEmptyParts);
        QCOMPARE(lines.front(), QStringLiteral("layer,map,head,t,s,value"));
        QCOMPARE(lines.size(), 1 + 2 * 9 * 40 * 41 / 2); // two layers of nine maps
        QVERIFY(atlas.exportContext().at("step") == 100);
    }
};

QTEST_MAIN(TestAtlasView)
#include "tst_atlas_view.moc"
