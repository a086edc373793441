#include "widgets/plots/state_counts.h"

#include "widgets/style/marks.h"

namespace sparsescope {

void StateCounts::add(KeyState state)
{
    ++all;
    switch (state) {
    case KeyState::Neither:
        break;
    case KeyState::SelectedNeeded:
        ++selectedNeeded;
        break;
    case KeyState::SelectedLittle:
        ++selectedLittle;
        break;
    case KeyState::Missed:
        ++missed;
        break;
    case KeyState::Future:
        ++future;
        break;
    case KeyState::FutureSelected:
        ++futureSelected;
        break;
    }
}

void StateCounts::add(const StateCounts &other)
{
    selectedNeeded += other.selectedNeeded;
    selectedLittle += other.selectedLittle;
    missed += other.missed;
    future += other.future;
    futureSelected += other.futureSelected;
    all += other.all;
}

QRgb countsRgb(const StateCounts &n, const Tokens &t)
{
    if (n.futureSelected > 0) {
        return t.futureSelected.rgb();
    }
    if (n.missed > 0) {
        return t.missed.rgb();
    }
    if (n.future == n.all) {
        return t.future.rgb();
    }
    const int selected = n.selectedNeeded + n.selectedLittle;
    if (selected == 0) {
        return t.panel.rgb();
    }
    const QColor chosen = mix(t.selectedLittle, t.selectedNeeded, static_cast<double>(n.selectedNeeded) / selected);
    return mix(t.panel, chosen, static_cast<double>(selected) / (n.all - n.future)).rgb();
}

} // namespace sparsescope
