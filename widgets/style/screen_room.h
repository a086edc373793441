#pragma once

class QSize;
class QWidget;

namespace sparsescope {

/// Gives a dialog this size, or less where the screen has not so much: its buttons stay in reach when everything is enlarged.
void resizeWithinScreen(QWidget *dialog, QSize size);

} // namespace sparsescope
