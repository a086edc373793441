#pragma once

#include "core/base/config.h"

#include <QWidget>

#include <memory>
#include <set>
#include <string>
#include <vector>

class QLabel;

namespace sparsescope {

/// One field of an experiment and the control that its kind asks for: a box to choose or to check, else a line of text.
struct FieldEditor {
    FieldInfo info;
    QWidget *control = nullptr;
    QString loaded; ///< text as the preset gave it

    QString text() const; ///< empty: the default
    void setText(const QString &text) const;
};

/// A line of the form: its label, one or two fields, and under them what is wrong with them.
class FieldRow : public QWidget {
    Q_OBJECT

public:
    /// `more`: only shown with all the others.
    FieldRow(const QString &label, const std::vector<std::string> &paths, bool more, QWidget *parent = nullptr);

    bool isMore() const { return m_more; }
    const std::vector<std::unique_ptr<FieldEditor>> &editors() const { return m_editors; }
    /// Shows the fields that these families have. False when there is none.
    bool showFieldsOf(const std::set<Family> &families);
    /// Marks the fields that these errors speak of, and says so; a bad field is never out of sight. Errors that found their
    /// place go into `placed`. Returns the number of bad fields.
    int showErrors(const std::vector<Error> &errors, std::set<const Error *> &placed);

    /// Says what ought to be known of fields that are right, each "model.selection.top_k: …", unless errors stand there.
    void showNotices(const std::vector<std::string> &notices);

Q_SIGNALS:
    void edited();

private:
    QWidget *makeControl(const FieldInfo &info);
    QWidget *makeBrowseButton(FieldEditor *editor);

    bool m_more;
    std::vector<std::unique_ptr<FieldEditor>> m_editors;
    QLabel *m_message;
};

} // namespace sparsescope
