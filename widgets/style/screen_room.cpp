#include "widgets/style/screen_room.h"

#include <QScreen>
#include <QSize>
#include <QWidget>

namespace sparsescope {

namespace {

constexpr QSize kFrame(16, 48); ///< px that the desktop puts around a window

} // namespace

void resizeWithinScreen(QWidget *dialog, QSize size)
{
    dialog->resize(size.boundedTo(dialog->screen()->availableSize() - kFrame));
}

} // namespace sparsescope
