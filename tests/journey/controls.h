#pragma once

#include <QAccessible>
#include <QDockWidget>
#include <QMainWindow>
#include <QWidget>

#include <vector>

/// What a person can operate in a window, what it is called, and whether Tab goes through it as one reads.
namespace sparsescope::test {

inline bool isPartOf(const QWidget *widget, const char *className)
{
    for (const QWidget *at = widget->parentWidget(); at != nullptr; at = at->parentWidget()) {
        if (at->inherits(className)) {
            return true;
        }
    }
    return false;
}

/// Something a person can do something with; parts of compound controls are not counted on their own.
inline bool isControl(const QWidget *widget)
{
    for (const char *whole :
         {"QAbstractSpinBox", "QComboBox", "QTabBar", "QMenuBar", "QAbstractItemView", "QScrollBar"}) {
        if (isPartOf(widget, whole)) {
            return false;
        }
    }
    if (widget->objectName() == QLatin1String("qt_toolbar_ext_button") || widget->inherits("QScrollBar")) {
        return false;
    }
    for (const char *kind : {"QAbstractButton", "QAbstractSpinBox", "QComboBox", "QLineEdit", "QSlider",
                             "QAbstractItemView", "QPlainTextEdit"}) {
        if (widget->inherits(kind)) {
            return true;
        }
    }
    return widget->focusPolicy() & Qt::TabFocus && !widget->inherits("QTabBar") && !widget->inherits("QMenuBar");
}

inline QString nameOf(const QWidget *widget)
{
    if (widget->inherits("QComboBox")) { // its interface answers with what is chosen
        return widget->accessibleName();
    }
    QAccessibleInterface *access = QAccessible::queryAccessibleInterface(const_cast<QWidget *>(widget));
    return access != nullptr ? access->text(QAccessible::Name) : QString();
}

inline QString described(const QWidget *widget)
{
    QString path = QStringLiteral("%1 '%2' \"%3\"")
                       .arg(QLatin1String(widget->metaObject()->className()), widget->objectName(), nameOf(widget));
    for (const QWidget *at = widget->parentWidget(); at != nullptr; at = at->parentWidget()) {
        if (!at->objectName().isEmpty() && !at->objectName().startsWith(QLatin1String("qt_"))) {
            return path + QStringLiteral(" in ") + at->objectName();
        }
    }
    return path;
}

/// Of a window: toolbar, left docks, page, right docks, bottom. Of a dialog: 0.
inline int regionOf(const QWidget *widget)
{
    const auto *window = qobject_cast<const QMainWindow *>(widget->window());
    for (const QWidget *at = widget; window != nullptr && at != nullptr; at = at->parentWidget()) {
        if (const auto *dock = qobject_cast<const QDockWidget *>(at)) {
            const Qt::DockWidgetArea area = window->dockWidgetArea(const_cast<QDockWidget *>(dock));
            return area == Qt::LeftDockWidgetArea ? 1 : area == Qt::RightDockWidgetArea ? 3 : 4;
        }
        if (at == window->centralWidget()) {
            return 2;
        }
    }
    return 0;
}

/// What is wrong with Tab going from one to the other; empty: it is how one reads.
inline QString orderFault(const QWidget &before, const QWidget &after)
{
    const QRect one(before.mapTo(before.window(), QPoint()), before.size());
    const QRect two(after.mapTo(after.window(), QPoint()), after.size());
    const bool sameRow = two.center().y() >= one.top() && two.center().y() <= one.bottom();
    const bool sameColumn = one.left() <= two.right() && two.left() <= one.right();
    const bool back = regionOf(&before) != regionOf(&after) ? regionOf(&after) < regionOf(&before)
                      : before.parentWidget() == after.parentWidget() && sameRow
                          ? two.left() < one.left()
                          : sameColumn && two.bottom() < one.top();
    return back ? described(&after) + QStringLiteral(" comes after ") + described(&before) : QString();
}

inline std::vector<QWidget *> controlsOf(QWidget *top)
{
    std::vector<QWidget *> controls;
    for (QWidget *widget : top->findChildren<QWidget *>()) {
        if (widget->window() == top && widget->isVisible() && isControl(widget)) {
            controls.push_back(widget);
        }
    }
    return controls;
}

} // namespace sparsescope::test
