#pragma once

#include <QDialog>

#include <utility>
#include <vector>

namespace sparsescope {

/// One page of help: a title and rows of a term or a key with what it means. Goes away when it is closed.
class HelpDialog : public QDialog {
    Q_OBJECT

public:
    using Rows = std::vector<std::pair<QString, QString>>;
    /// `keys`: the left column is what one presses, in equal digit widths.
    HelpDialog(const QString &title, const QString &before, const Rows &rows, bool keys, QWidget *parent = nullptr);
};

/// Everything that a key does, in the order of the menus.
HelpDialog::Rows shortcutRows();
/// The words of the window, one line each.
HelpDialog::Rows termRows();
/// Whose work is in the program, and under which licence.
HelpDialog::Rows licenceRows();

} // namespace sparsescope
