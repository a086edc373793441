#pragma once

#include "widgets/state/x_axis.h"
#include "widgets/style/colour_maps.h"

#include <QElapsedTimer>
#include <QObject>
#include <QString>
#include <QStringList>

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace sparsescope {

enum class MapKind {
    IndexScore, ///< sum over the indexer heads
    IndexTerm,  ///< signed term of one indexer head
    Attention,  ///< attention weight that ran; head -1: mean
    Mask        ///< the selection
};
inline constexpr std::size_t kMapKinds = 4;

enum class InspectView { Atlas, Focus };

/// Which part of a map of `length` x `length` cells is in sight: the cell at the top left corner and the pixels per cell.
struct MapWindow {
    int length = 0;
    double left = 0, top = 0;
    double cell = 1;
    bool operator==(const MapWindow &) const = default;
};

using Limits = std::pair<double, double>;

/// What all views show together, as one value: two equal values show the same picture.
struct View {
    QString run;            ///< RunData::id()
    std::int64_t step = -1; ///< step cursor; -1: none yet
    bool followLive = true; ///< the cursor is pinned to the newest step
    InspectView inspect = InspectView::Atlas;
    int layer = 0;
    MapKind map = MapKind::IndexScore;
    int head = -1;
    int query = -1; ///< -1: not picked
    int key = -1;
    bool logarithmic = true;
    bool overlay = false;                                ///< the mask over the map
    std::optional<ColourMapName> colours;                ///< none: those of the kind of map
    std::array<std::optional<Limits>, kMapKinds> limits; ///< locked ones, by kind of map
    std::optional<MapWindow> window;                     ///< none: the whole map
    QString sideA, sideB;                                ///< CompareSide::key; empty: not chosen
    QStringList compared;                                ///< folders of further runs beside the two sides
    XAxis compareBy = XAxis::Step;
    std::optional<double> differenceLimit; ///< of the attention difference, to both sides of zero; none: by the map
    bool operator==(const View &) const = default;

    std::optional<Limits> &limitsOf(MapKind kind) { return limits[static_cast<std::size_t>(kind)]; }
    const std::optional<Limits> &limitsOf(MapKind kind) const { return limits[static_cast<std::size_t>(kind)]; }
};

/// The one object that every view reads and asks to change. Setters that change nothing stay silent.
/// What a person changed can be undone, all but the run and the choice of Atlas or Focus: 100 steps; changes of the same
/// things within 400 ms (a turn of the wheel, a drag) are one step.
class ViewState : public QObject {
    Q_OBJECT

public:
    static constexpr int kUndoSteps = 100;
    static constexpr int kMergeMilliseconds = 400;

    explicit ViewState(QObject *parent = nullptr);

    const View &view() const { return m_view; }
    void set(const View &view);

    void setRun(const QString &run);
    /// By hand: switches follow live off.
    void setStep(std::int64_t step);
    /// By the run that is followed; ignored when follow live is off, and no step of undo.
    void followStep(std::int64_t step);
    void setFollowLive(bool follow);
    void setInspect(InspectView inspect);
    void setLayer(int layer);
    void setMap(MapKind map, int head);
    void setQuery(int query);
    void setCell(int query, int key);
    /// By a view that shows a text for the first time: no step of undo.
    void proposeCell(int query, int key);
    void setLogarithmic(bool logarithmic);
    void setOverlay(bool overlay);
    void setColours(std::optional<ColourMapName> colours);
    void setLimits(MapKind kind, std::optional<Limits> limits);
    void clearLimits();
    void setWindow(std::optional<MapWindow> window);
    void setSides(const QString &a, const QString &b);
    /// By a page that nobody has chosen sides on: no step of undo.
    void proposeSides(const QString &a, const QString &b);
    void swapSides();
    void setCompared(const QStringList &folders);
    void setCompareBy(XAxis axis);
    void setDifferenceLimit(std::optional<double> limit);

    bool canUndo() const { return !m_undo.empty(); }
    bool canRedo() const { return !m_redo.empty(); }
    void undo();
    void redo();

Q_SIGNALS:
    void changed();

private:
    void show(const View &view);
    /// Takes the newest of `from`, keeping run and Atlas or Focus as they are; what was shown goes to `to`.
    template <class Edit>
    void change(Edit edit) ///< as one step that can be undone
    {
        View view = m_view;
        edit(view);
        set(view);
    }
    template <class Edit>
    void propose(Edit edit) ///< without a step
    {
        View view = m_view;
        edit(view);
        show(view);
    }
    void step(std::vector<View> &from, std::vector<View> &to);

    View m_view;
    std::vector<View> m_undo, m_redo;
    unsigned m_lastFields = 0;
    QElapsedTimer m_lastChange;
};

} // namespace sparsescope
