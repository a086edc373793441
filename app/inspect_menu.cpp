#include "app/inspect_menu.h"

#include "widgets/panels/inspect_page.h"

#include <QActionGroup>
#include <QMenu>

#include <algorithm>
#include <optional>
#include <vector>

namespace sparsescope {

namespace {

/// A choice among entries, of which the one that is shown is marked when the menu opens.
void addChoices(QMenu *menu, const std::vector<std::pair<QString, View>> &choices, ViewState &view,
                void (*take)(ViewState &, const View &), bool (*same)(const View &, const View &))
{
    auto *group = new QActionGroup(menu);
    for (const auto &[words, choice] : choices) {
        QAction *action = menu->addAction(words, &view, [&view, choice = choice, take] { take(view, choice); });
        action->setCheckable(true);
        group->addAction(action);
    }
    QObject::connect(menu, &QMenu::aboutToShow, group, [group, choices, &view, same] {
        for (std::size_t i = 0; i < choices.size(); ++i) {
            group->actions()[static_cast<int>(i)]->setChecked(same(choices[i].second, view.view()));
        }
    });
}

void fillMaps(QMenu *menu, ViewState &view)
{
    const auto of = [](MapKind kind, int head) {
        View choice;
        choice.map = kind;
        choice.head = head;
        return choice;
    };
    addChoices(
        menu,
        {{QStringLiteral("Index score"), of(MapKind::IndexScore, -1)},
         {QStringLiteral("Term of indexer head 0"), of(MapKind::IndexTerm, 0)},
         {QStringLiteral("Attention, mean of heads"), of(MapKind::Attention, -1)},
         {QStringLiteral("Attention of head 0"), of(MapKind::Attention, 0)},
         {QStringLiteral("Selection"), of(MapKind::Mask, -1)}},
        view, [](ViewState &state, const View &choice) { state.setMap(choice.map, choice.head); },
        [](const View &a, const View &b) { return a.map == b.map && a.head == b.head; });
}

void fillColours(QMenu *menu, ViewState &view)
{
    std::vector<std::pair<QString, View>> choices;
    for (const ColourMapName name :
         {ColourMapName::Cividis, ColourMapName::Viridis, ColourMapName::Magma, ColourMapName::Grey}) {
        View choice;
        choice.colours = name;
        choices.emplace_back(displayName(name), choice);
    }
    choices.emplace_back(QStringLiteral("Of the kind of map"), View());
    addChoices(
        menu, choices, view, [](ViewState &state, const View &choice) { state.setColours(choice.colours); },
        [](const View &a, const View &b) { return a.colours == b.colours; });
}

} // namespace

QAction *fillInspectMenu(QMenu *menu, InspectPage &page, ViewState &view, const std::function<void()> &lockLimits)
{
    const auto add = [menu, &page](const char *words, auto action) {
        return menu->addAction(QString::fromUtf8(words), &page, action);
    };
    // A shortcut where the letter acts on every page; where a page answers by itself the menu only names the key.
    const auto keyed = [&add](const char *words, const char *keys, auto action) {
        QAction *added = add(words, action);
        added->setShortcut(QKeySequence(QString::fromUtf8(keys)));
        return added;
    };
    add("Atlas\tEsc", [&view] { view.setInspect(InspectView::Atlas); });
    add("Focus\tEnter", [&view] { view.setInspect(InspectView::Focus); });
    menu->addSeparator();
    keyed("Previous snapshot", "[", [&page] { page.stepSnapshot(-1); });
    keyed("Next snapshot", "]", [&page] { page.stepSnapshot(1); });
    // With Shift a bracket is a brace on some keyboards and stays a bracket on others.
    add("Ten snapshots back", [&page] { page.stepSnapshot(-10); })
        ->setShortcuts({QKeySequence(Qt::Key_BraceLeft), QKeySequence(Qt::SHIFT | Qt::Key_BraceLeft),
                        QKeySequence(Qt::SHIFT | Qt::Key_BracketLeft)});
    add("Ten snapshots on", [&page] { page.stepSnapshot(10); })
        ->setShortcuts({QKeySequence(Qt::Key_BraceRight), QKeySequence(Qt::SHIFT | Qt::Key_BraceRight),
                        QKeySequence(Qt::SHIFT | Qt::Key_BracketRight)});
    add("First snapshot\tHome", [&page] { page.firstSnapshot(); });
    add("Play snapshots or stop", [&page] { page.togglePlay(); });
    add("Follow live\tEnd", [&view] { view.setFollowLive(true); });
    menu->addSeparator();
    add("Layer above\tPgUp", [&page] { page.moveLayer(-1); });
    add("Layer below\tPgDown", [&page] { page.moveLayer(1); });
    fillMaps(menu->addMenu(QStringLiteral("Map")), view);
    fillColours(menu->addMenu(QStringLiteral("Colours")), view);
    QAction *overlay = keyed("Mask over the map", "M", [&page] {
        if (page.isVisible()) {
            page.toggleOverlay();
        }
    });
    QAction *lock = keyed("Lock limits", "K", lockLimits);
    overlay->setCheckable(true);
    lock->setCheckable(true);
    QObject::connect(menu, &QMenu::aboutToShow, menu, [overlay, lock, &view] {
        const View &shown = view.view();
        overlay->setChecked(shown.overlay);
        lock->setChecked(std::any_of(shown.limits.begin(), shown.limits.end(),
                                     [](const std::optional<Limits> &limits) { return limits.has_value(); }));
    });
    menu->addSeparator();
    QAction *continueText = menu->addAction(QStringLiteral("Continue a text…"));
    continueText->setShortcut(QKeySequence(Qt::CTRL | Qt::Key_G));
    return continueText;
}

} // namespace sparsescope
