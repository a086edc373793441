#pragma once

#include <QString>
#include <QWidget>

#include <utility>
#include <vector>

class QLabel;

namespace sparsescope {

/// Names and numbers: side by side (name above number) or as rows (name left, number right). Numbers have equal digits.
class ValueList : public QWidget {
    Q_OBJECT

public:
    ValueList(Qt::Orientation orientation, QWidget *parent = nullptr);

    using Values = std::vector<std::pair<QString, QString>>;
    /// Re-uses its labels: a change of numbers moves nothing.
    void setValues(const Values &values);
    QString text(const QString &name) const; ///< number shown beside a name; empty when there is none

private:
    struct Entry {
        QWidget *box;
        QLabel *name, *value;
    };
    Entry makeEntry();

    Qt::Orientation m_orientation;
    std::vector<Entry> m_entries;
};

} // namespace sparsescope
