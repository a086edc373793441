#pragma once

#include <QLabel>

namespace sparsescope {

/// A label with its `role` of the style sheet (see widgets/style/theme.h), set before it is shown.
inline QLabel *makeLabel(const QString &text, const char *role, QWidget *parent)
{
    auto *made = new QLabel(text, parent);
    made->setProperty("role", role);
    return made;
}

} // namespace sparsescope
