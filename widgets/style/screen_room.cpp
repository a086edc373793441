#include "widgets/style/screen_room.h"

#include <QScreen>

namespace sparsescope {

namespace {

constexpr QSize kFrame(16, 48); ///< px that the desktop puts around a window

} // namespace

void resizeWithinScreen(QWidget *dialog, QSize size)
{
    dialog->resize(size.boundedTo(dialog->screen()->availableSize() - kFrame));
}

ScrolledPage::ScrolledPage(QWidget *page, const QString &name, QWidget *parent)
    : QScrollArea(parent)
{
    setAccessibleName(name);
    setWidget(page);
    setWidgetResizable(true);
    setFrameShape(QFrame::NoFrame);
    setFocusPolicy(Qt::NoFocus); // Tab goes from field to field, and the one that has it scrolls into sight
}

QSize ScrolledPage::sizeHint() const { return widget()->sizeHint(); }

} // namespace sparsescope
