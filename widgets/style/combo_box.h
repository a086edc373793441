#pragma once

#include <QComboBox>

namespace sparsescope {

/// A list of choices whose popup is made when it is first opened. Qt's own makes it, a window of some widgets and a layout of
/// every entry, as soon as the style changes, and has all of them change with the theme from then on.
class ComboBox : public QComboBox {
public:
    using QComboBox::QComboBox;

    /// As wide as its entries need, also those that come later. Qt's AdjustToContents makes the popup for each that comes and
    /// measures all of them, a thousand runs with every one that is found; this measures the longest few.
    void fitContents();
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

protected:
    void changeEvent(QEvent *event) override;

private:
    QSize fitted() const;

    bool m_fits = false;
    mutable QSize m_fitted; ///< until entries or the font change
};

} // namespace sparsescope
