#include "widgets/panels/family_row.h"

#include "widgets/style/theme.h"

#include <QCheckBox>
#include <QGridLayout>
#include <QLabel>

#include <iterator>

namespace sparsescope {

namespace {

constexpr Family kFamilies[] = {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse};

} // namespace

FamilyRow::FamilyRow(QWidget *parent)
    : QWidget(parent)
{
    setObjectName(QStringLiteral("familyCombo"));
    setAccessibleName(QStringLiteral("Family"));
    auto *grid = new QGridLayout(this);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(6);
    grid->setVerticalSpacing(4);
    auto *label = new QLabel(QStringLiteral("Family"), this);
    setRole(label, "sub");
    label->setFixedWidth(88);
    grid->addWidget(label, 0, 0);
    for (std::size_t index = 0; index < std::size(kFamilies); ++index) {
        const QString words = QString::fromStdString(displayName(kFamilies[index]));
        auto *box = new QCheckBox(words, this);
        box->setObjectName(QStringLiteral("family_") + QString::fromStdString(toString(kFamilies[index])));
        box->setAccessibleName(words);
        connect(box, &QCheckBox::toggled, this, &FamilyRow::edited);
        m_boxes.push_back(box);
        grid->addWidget(box, static_cast<int>(index) / 2, 1 + static_cast<int>(index) % 2);
    }
    grid->setColumnStretch(2, 1);
    m_message = new QLabel(this);
    m_message->setWordWrap(true);
    setRole(m_message, "fault");
    m_message->hide();
    grid->addWidget(m_message, 2, 1, 1, 2);
}

std::set<Family> FamilyRow::checked() const
{
    std::set<Family> families;
    for (std::size_t index = 0; index < m_boxes.size(); ++index) {
        if (m_boxes[index]->isChecked()) {
            families.insert(kFamilies[index]);
        }
    }
    return families;
}

std::vector<std::string> FamilyRow::names() const
{
    std::vector<std::string> names;
    for (std::size_t index = 0; index < m_boxes.size(); ++index) {
        if (m_boxes[index]->isChecked()) {
            names.push_back(toString(kFamilies[index]));
        }
    }
    return names;
}

void FamilyRow::setNames(const std::set<std::string> &names)
{
    for (std::size_t index = 0; index < m_boxes.size(); ++index) {
        m_boxes[index]->setChecked(names.count(toString(kFamilies[index])) > 0);
    }
}

void FamilyRow::setMessages(const QStringList &messages)
{
    m_message->setText(checked().empty() ? QStringLiteral("Family: none is checked. Check at least one.")
                                         : messages.join(QLatin1Char('\n')));
    m_message->setVisible(!messages.isEmpty());
}

} // namespace sparsescope
