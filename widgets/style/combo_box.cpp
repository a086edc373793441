#include "widgets/style/combo_box.h"

#include <QAbstractItemModel>
#include <QEvent>
#include <QFrame>
#include <QStyleOptionComboBox>

#include <algorithm>
#include <cmath>
#include <vector>

namespace sparsescope {

namespace {

constexpr std::size_t kMeasured = 16; ///< entries: of those with the most letters one is the widest, or near it

} // namespace

void ComboBox::fitContents()
{
    m_fits = true;
    const auto changed = [this] {
        m_fitted = QSize();
        updateGeometry();
    };
    connect(model(), &QAbstractItemModel::rowsInserted, this, changed);
    connect(model(), &QAbstractItemModel::rowsRemoved, this, changed);
    connect(model(), &QAbstractItemModel::dataChanged, this, changed);
    connect(model(), &QAbstractItemModel::modelReset, this, changed);
}

QSize ComboBox::fitted() const
{
    if (m_fitted.isValid()) {
        return m_fitted;
    }
    std::vector<QString> texts{placeholderText()};
    bool icons = false;
    for (int index = 0; index < count(); ++index) {
        texts.push_back(itemText(index));
        icons = icons || !itemIcon(index).isNull();
    }
    const auto most = texts.begin() + static_cast<std::ptrdiff_t>(std::min(kMeasured, texts.size()));
    std::partial_sort(texts.begin(), most, texts.end(),
                      [](const QString &a, const QString &b) { return a.size() > b.size(); });
    int width = count() == 0 ? 7 * fontMetrics().horizontalAdvance(QLatin1Char('x')) : 0; // as Qt's own
    for (auto text = texts.begin(); text != most; ++text) {
        width = std::max(width, fontMetrics().horizontalAdvance(*text));
    }
    int height = std::max(static_cast<int>(std::ceil(QFontMetricsF(fontMetrics()).height())), 14) + 2;
    if (icons) {
        width += iconSize().width() + 4;
        height = std::max(height, iconSize().height() + 2);
    }
    QStyleOptionComboBox option;
    initStyleOption(&option);
    m_fitted = style()->sizeFromContents(QStyle::CT_ComboBox, &option, {width, height}, this);
    return m_fitted;
}

QSize ComboBox::sizeHint() const { return m_fits ? fitted() : QComboBox::sizeHint(); }

QSize ComboBox::minimumSizeHint() const { return m_fits ? fitted() : QComboBox::minimumSizeHint(); }

void ComboBox::changeEvent(QEvent *event)
{
    m_fitted = QSize();
    const bool opened = findChild<QFrame *>(QString(), Qt::FindDirectChildrenOnly) != nullptr;
    if (event->type() == QEvent::StyleChange && !opened) {
        QWidget::changeEvent(event);
        return;
    }
    QComboBox::changeEvent(event);
}

} // namespace sparsescope
