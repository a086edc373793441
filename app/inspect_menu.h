#pragma once

class QMenu;

namespace sparsescope {

class InspectPage;
class ViewState;

/// Every command of the Inspect page; its keys act on the page itself, so the menu only names them.
void fillInspectMenu(QMenu *menu, InspectPage &page, ViewState &view);

} // namespace sparsescope
