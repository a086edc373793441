#include "widgets/style/combo_box.h"

#include <QEvent>
#include <QFrame>

namespace sparsescope {

void ComboBox::changeEvent(QEvent *event)
{
    const bool opened = findChild<QFrame *>(QString(), Qt::FindDirectChildrenOnly) != nullptr;
    if (event->type() == QEvent::StyleChange && !opened) {
        QWidget::changeEvent(event);
        return;
    }
    QComboBox::changeEvent(event);
}

} // namespace sparsescope
