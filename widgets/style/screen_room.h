#pragma once

#include <QScrollArea>
#include <QSize>

namespace sparsescope {

/// Gives a dialog this size, or less where the screen has not so much: its buttons stay in reach when everything is enlarged.
void resizeWithinScreen(QWidget *dialog, QSize size);

/// What a dialog holds above its buttons: whole where there is room, else scrolled.
class ScrolledPage : public QScrollArea {
    Q_OBJECT

public:
    ScrolledPage(QWidget *page, const QString &name, QWidget *parent);
    QSize sizeHint() const override; ///< of the page, whole
};

} // namespace sparsescope
