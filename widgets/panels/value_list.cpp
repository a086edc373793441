#include "widgets/panels/value_list.h"

#include <QBoxLayout>
#include <QLabel>

namespace sparsescope {

ValueList::ValueList(Qt::Orientation orientation, QWidget *parent)
    : QWidget(parent)
    , m_orientation(orientation)
{
    auto *layout =
        new QBoxLayout(orientation == Qt::Horizontal ? QBoxLayout::LeftToRight : QBoxLayout::TopToBottom, this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(orientation == Qt::Horizontal ? 16 : 3);
    if (orientation == Qt::Horizontal) {
        layout->addStretch();
    }
}

ValueList::Entry ValueList::makeEntry()
{
    const bool across = m_orientation == Qt::Horizontal;
    Entry entry{new QWidget(this), nullptr, nullptr};
    entry.name = new QLabel(entry.box);
    entry.value = new QLabel(entry.box);
    entry.name->setProperty("role", across ? "hint" : "sub");
    entry.value->setProperty("role", across ? "value" : "mono");
    auto *inner = new QBoxLayout(across ? QBoxLayout::TopToBottom : QBoxLayout::LeftToRight, entry.box);
    inner->setContentsMargins(0, 0, 0, 0);
    inner->setSpacing(across ? 0 : 8);
    inner->addWidget(entry.name, across ? 0 : 1);
    inner->addWidget(entry.value, 0, across ? Qt::AlignLeft : Qt::AlignRight);
    auto *layout = static_cast<QBoxLayout *>(this->layout());
    layout->insertWidget(static_cast<int>(m_entries.size()), entry.box);
    return entry;
}

void ValueList::setValues(const Values &values)
{
    while (m_entries.size() < values.size()) {
        m_entries.push_back(makeEntry());
    }
    QStringList spoken;
    for (std::size_t i = 0; i < m_entries.size(); ++i) {
        const bool used = i < values.size();
        m_entries[i].box->setVisible(used);
        if (used) {
            m_entries[i].name->setText(values[i].first);
            m_entries[i].value->setText(values[i].second);
            spoken << values[i].first + QLatin1Char(' ') + values[i].second;
        }
    }
    setAccessibleDescription(spoken.join(QStringLiteral(", ")));
}

QString ValueList::text(const QString &name) const
{
    for (const Entry &entry : m_entries) {
        if (!entry.box->isHidden() && entry.name->text() == name) {
            return entry.value->text();
        }
    }
    return {};
}

} // namespace sparsescope
