#pragma once

#include "core/base/config.h"

#include <QStringList>
#include <QWidget>

#include <set>
#include <string>
#include <vector>

class QCheckBox;
class QLabel;

namespace sparsescope {

/// The families that an experiment compares, at least one.
class FamilyRow : public QWidget {
    Q_OBJECT

public:
    explicit FamilyRow(QWidget *parent = nullptr);

    std::set<Family> checked() const;
    /// The names of those that are checked, in the order of the families.
    std::vector<std::string> names() const;
    void setNames(const std::set<std::string> &names);
    /// What is wrong with the choice, if anything.
    void setMessages(const QStringList &messages);

Q_SIGNALS:
    void edited();

private:
    std::vector<QCheckBox *> m_boxes;
    QLabel *m_message;
};

} // namespace sparsescope
