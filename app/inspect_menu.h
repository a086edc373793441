#pragma once

#include <functional>

class QAction;
class QMenu;

namespace sparsescope {

class InspectPage;
class ViewState;

/// Everything that can be done with the maps and snapshots, with its key. `lockLimits`: of the page that is shown. Returns
/// "Continue a text", which the window answers.
QAction *fillInspectMenu(QMenu *menu, InspectPage &page, ViewState &view, const std::function<void()> &lockLimits);

} // namespace sparsescope
