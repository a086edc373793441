#pragma once

class QAction;
class QMenu;

namespace sparsescope {

class InspectPage;
class ViewState;

/// Every command of the Inspect page; its keys act on the page itself, so the menu only names them. Returns the one that lets
/// the current run's checkpoint write on: the window's to answer.
QAction *fillInspectMenu(QMenu *menu, InspectPage &page, ViewState &view);

} // namespace sparsescope
