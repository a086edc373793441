#include "app/inspect_menu.h"

#include "widgets/panels/inspect_page.h"

#include <QMenu>

namespace sparsescope {

QAction *fillInspectMenu(QMenu *menu, InspectPage &page, ViewState &view)
{
    const auto add = [menu, &page](const char *words, auto action) {
        menu->addAction(QString::fromUtf8(words), &page, action);
    };
    add("Atlas\tEsc", [&view] { view.setInspect(InspectView::Atlas); });
    add("Focus\tEnter", [&view] { view.setInspect(InspectView::Focus); });
    menu->addSeparator();
    add("Previous snapshot\t[", [&page] { page.stepSnapshot(-1); });
    add("Next snapshot\t]", [&page] { page.stepSnapshot(1); });
    add("Play snapshots or stop", [&page] { page.togglePlay(); });
    add("Follow live\tEnd", [&view] { view.setFollowLive(true); });
    menu->addSeparator();
    add("Layer above\tPgUp", [&page] { page.moveLayer(-1); });
    add("Layer below\tPgDown", [&page] { page.moveLayer(1); });
    add("Mask over the map\tM", [&page] { page.toggleOverlay(); });
    add("Lock limits\tK", [&page] { page.toggleLimits(); });
    add("Colours of the kind of map", [&view] { view.setColours(std::nullopt); });
    menu->addSeparator();
    add("Zoom in\t+", [&page] { page.zoomBy(1.25); });
    add("Zoom out\t−", [&page] { page.zoomBy(1 / 1.25); });
    add("Show the whole map\t0", [&page] { page.resetZoom(); });
    menu->addSeparator();
    QAction *continueText = menu->addAction(QStringLiteral("Continue a text…"));
    continueText->setShortcut(QKeySequence(Qt::CTRL | Qt::Key_G));
    return continueText;
}

} // namespace sparsescope
