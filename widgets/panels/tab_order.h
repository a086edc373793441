#pragma once

#include <QWidget>

#include <initializer_list>

namespace sparsescope {

/// Tab goes through these in this order: the one in which they are read.
inline void setTabOrder(std::initializer_list<QWidget *> widgets)
{
    QWidget *before = nullptr;
    for (QWidget *widget : widgets) {
        if (before != nullptr) {
            QWidget::setTabOrder(before, widget);
        }
        before = widget;
    }
}

} // namespace sparsescope
