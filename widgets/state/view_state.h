#pragma once

#include <QObject>
#include <QString>

#include <cstdint>
#include <optional>

namespace sparsescope {

enum class MapKind {
    IndexScore, ///< sum over the indexer heads
    IndexTerm,  ///< signed term of one indexer head
    Attention   ///< attention weight that ran; head -1: mean
};

/// What all views show together, as one value: two equal values show the same picture.
struct View {
    QString run;            ///< RunData::id()
    std::int64_t step = -1; ///< step cursor; -1: none yet
    bool followLive = true; ///< the cursor is pinned to the newest step
    int layer = 0;
    MapKind map = MapKind::IndexScore;
    int head = -1;
    int query = -1; ///< -1: not picked
    int key = -1;
    bool logarithmic = true;
    std::optional<std::pair<double, double>> lockedLimits;
    bool operator==(const View &) const = default;
};

/// The one object that every view reads and asks to change. Setters that change nothing stay silent.
class ViewState : public QObject {
    Q_OBJECT

public:
    explicit ViewState(QObject *parent = nullptr);

    const View &view() const { return m_view; }
    void set(const View &view);

    void setRun(const QString &run);
    /// By hand: switches follow live off.
    void setStep(std::int64_t step);
    /// By the run that is followed; ignored when follow live is off.
    void followStep(std::int64_t step);
    void setFollowLive(bool follow);
    void setLayer(int layer);
    void setMap(MapKind map, int head);
    void setQuery(int query);
    void setCell(int query, int key);
    void setLogarithmic(bool logarithmic);
    void setLockedLimits(std::optional<std::pair<double, double>> limits);

Q_SIGNALS:
    void changed();

private:
    View m_view;
};

} // namespace sparsescope
