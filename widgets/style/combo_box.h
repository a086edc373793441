#pragma once

#include <QComboBox>

namespace sparsescope {

/// A list of choices whose popup is made when it is first opened. Qt's own makes it, a window of some widgets and a layout of
/// every entry, as soon as the style changes, and has all of them change with the theme from then on.
class ComboBox : public QComboBox {
public:
    using QComboBox::QComboBox;

protected:
    void changeEvent(QEvent *event) override;
};

} // namespace sparsescope
